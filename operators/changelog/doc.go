// Package changelog has the operators whose results change: aggregates of
// groups that never end or are shown before they end, the first rows of a key
// by any order, and the rows that a stream of upserts stands for.
//
//	upserts by key   -> Normalize -> +I  -U +U  -D
//	rows             -> Aggregate -> +I  -U +U  -D   of the results of groups
//	rows             -> Rank      -> +I  -U +U  -D   of the first n of each key
//
// What comes out is a changelog: the rows added less those taken back are the
// table as it is now. A row that is taken back is whole, as it was added. Where
// the reader knows rows by a key (Upsert), what an update replaces is left out.
//
// Rows are taken as they come. A result is compared with the one shown last, and
// nothing comes out where the two are equal. Aggregate shows results as a policy
// says: with each row, or, for windows, at intervals of the clock before their
// end (early), at the end, and for late rows until the allowed lateness is over.
//
// Keys that had no row for the time to live are forgotten, in silence: what was
// shown of them stays as it is.
package changelog
