// Package pattern runs MATCH_RECOGNIZE.
//
// Compile turns a plan.Match into a Program. A Program has two operators. The
// first runs beside the source, keeps no state and works on whole columns:
//
//	input batch -> Prepare -> [symbol | key | order keys | kept columns]
//
// The symbol has one bit per condition that one row alone decides. The second
// runs per shard on rows sorted by time:
//
//	key table ---> rows kept since the current start
//	  |              r0   r1   r2   r3        symbols  01 01 10 00
//	  |              ^start    ^fed so far
//	  +--> attempt: automaton state (all conditions local)
//	       or threads with registers (conditions on the match so far)
//
// One attempt at a time is alive per key: the standard tries the starts in
// order, and where the next start lies is known only when this one is decided.
// An attempt that fails goes on at the next kept row. So the whole state of a
// key is its kept rows: a snapshot holds them and a restore feeds them again.
//
// Rows of a key lie side by side in one block of an arena, as words without
// pointers, and from pageRows on in pages: growth copies none, rows that are
// dropped free their pages, and a snapshot writes the pages that are new.
//
// Conditions are of three classes:
//
//   - local: on the row alone; evaluated in columns by Prepare, a bit of the symbol;
//   - contextual: also on its neighbours in the partition (PREV, NEXT); evaluated
//     once per row by the matcher, a bit of the symbol too;
//   - historical: on what the variables hold so far (FIRST, LAST of others,
//     aggregates, MATCH_NUMBER); evaluated per thread over registers that cost
//     O(1) per row.
//
// Without historical conditions the attempt is a table look-up in an automaton
// that is made deterministic as rows ask for it; with them it is a list of
// threads in order of preference. Both follow the standard's preferment
// (ISO/IEC 19075-5 §4.14): first alternative first, greedy longest first,
// reluctant shortest first.
//
// A pattern with edges (->, ->>, NOT …) reports every match instead. Its
// partial matches of all starts live side by side and wait at places: an
// instruction of the automaton and what must not come (places.go). Where
// conditions lie in the symbol and all matches are wanted, those at one place are
// one list of a shared graph (tecs.go, graph.go): a row costs a step per place
// that it concerns, however many wait there. Otherwise each is a run that stays
// in its place, with its registers, until a row concerns it (edges.go, runs.go);
// equations with earlier rows make an index of them (equality.go). Their state,
// too, is the kept rows.
//
// Many plain sequences over the same rows run as one Program (joint.go): a bit
// per pattern and step, a table of bits per class of each column.
package pattern
