package assist

import (
	"strings"

	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/query/catalog"
)

// meaning is a function or keyword and what it is for.
type meaning struct{ name, usage, doc string }

// matchFunctions are the functions of MATCH_RECOGNIZE alone.
var matchFunctions = []meaning{
	{"FIRST", "FIRST(A.x [, n])", "x of the first row of A, or of the n-th after it."},
	{"LAST", "LAST(A.x [, n])", "x of the last row of A so far, or of the n-th before it. FINAL LAST(…): of the whole match."},
	{"PREV", "PREV(A.x [, n])", "x of the row before the last row of A in the key's rows, or n rows before."},
	{"NEXT", "NEXT(A.x [, n])", "x of the row behind the last row of A in the key's rows, or n rows behind."},
	{"CLASSIFIER", "CLASSIFIER()", "The variable that the row has been matched to."},
	{"MATCH_NUMBER", "MATCH_NUMBER()", "The number of the match within its key, from 1."},
	{"MATCH_ROWTIME", "MATCH_ROWTIME()", "When the match was decided, in event time."},
	{"MATCH_PROCTIME", "MATCH_PROCTIME()", "When the match was found, in processing time."},
	{"MATCH_STATUS", "MATCH_STATUS()", "'MATCHED', or 'TIMED_OUT' of a partial match that ran out of time."},
	{"SUPPRESS_COUNT", "SUPPRESS_COUNT()", "How many detections were withheld: 0 of a first, n of a summary."},
	{"SUPPRESS_STATUS", "SUPPRESS_STATUS()", "'FIRST' or 'SUMMARY'."},
}

// specialFunctions are those that the checker knows by itself.
var specialFunctions = []meaning{
	{"COALESCE", "COALESCE(x, …)", "The first argument that is not NULL."},
	{"NULLIF", "NULLIF(x, y)", "NULL where x equals y, else x."},
	{"IF", "IF(condition, then, else)", "then where the condition holds, else the other."},
	{"IFNULL", "IFNULL(x, y)", "y where x is NULL, else x."},
	{"PROCTIME", "PROCTIME()", "The processing time."},
	{"ROW_NUMBER", "ROW_NUMBER() OVER (…)", "The number of the row within its partition."},
}

// tableFunctions are the windows of FROM.
var tableFunctions = []meaning{
	{"TUMBLE", "TUMBLE(TABLE t, DESCRIPTOR(ts), size [, offset])", "Windows of a size, one after the other."},
	{"HOP", "HOP(TABLE t, DESCRIPTOR(ts), slide, size [, offset])", "Windows of a size that begin every slide."},
	{"CUMULATE", "CUMULATE(TABLE t, DESCRIPTOR(ts), step, size [, offset])", "Windows that grow by a step up to a size, then begin anew."},
	{"SESSION", "SESSION(TABLE t [PARTITION BY …], DESCRIPTOR(ts), gap)", "A window for each run of rows that are at most the gap apart."},
}

// keywords are those whose meaning is not plain SQL.
var keywords = []meaning{
	{"MATCH_RECOGNIZE", "t MATCH_RECOGNIZE (PARTITION BY … ORDER BY ts MEASURES … PATTERN (…) DEFINE …)", "Finds a pattern in the rows of each key, in the order of time."},
	{"MEASURES", "MEASURES expression AS name, …", "The columns of a match."},
	{"PATTERN", "PATTERN (A B+ -> C)", "Which rows follow which. A B: the next row. A -> B: a later row. A ->> B: any later row. NOT B: no such row. Quantifiers: * + ? {n,m}, reluctant with ?, possessive with +."},
	{"DEFINE", "DEFINE A AS condition, …", "What a row must satisfy to be an A. A variable that is not defined takes any row."},
	{"SUBSET", "SUBSET U = (A, B)", "A name for the rows of several variables."},
	{"WITHIN", "PATTERN (…) WITHIN INTERVAL '10' MINUTE", "The last row comes less than that after the first. Ends with the watermark, not with the next row."},
	{"AFTER", "AFTER MATCH SKIP PAST LAST ROW | TO NEXT ROW | TO FIRST A | TO LAST A | AFTER MATCH NO SKIP", "Where matching goes on behind a match."},
	{"EMIT", "EMIT TIMEOUTS", "Partial matches that run out of time are reported too; MATCH_STATUS() tells them apart."},
	{"SUPPRESS", "SUPPRESS BY columns FOR INTERVAL …", "Of matches with the same columns within the time, only the first comes out."},
	{"CONSUME", "AFTER MATCH … CONSUME BY ANY | PARTITION | NONE", "Which other matches the rows of a match may still be part of."},
	{"PERMUTE", "PERMUTE(A, B, …)", "The patterns in any order."},
	{"WATERMARK", "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND", "ts is the event time, and how far behind the latest row others may come."},
	{"METADATA", "column TYPE METADATA [FROM 'key'] [VIRTUAL]", "A column of the connector: partition, offset, timestamp, …."},
	{"SHADOW", "CREATE QUERY name SHADOW AS …", "The query runs beside another, to be compared with it."},
	{"SYSTEM_TIME", "JOIN t FOR SYSTEM_TIME AS OF a.ts ON …", "The version of t at that time."},
	{"DESCRIPTOR", "DESCRIPTOR(ts)", "A column as an argument of a window."},
	{"QUALIFY", "QUALIFY condition", "A condition on window functions; not supported yet."},
}

func findMeaning(list []meaning, name string) *meaning {
	for i := range list {
		if strings.EqualFold(list[i].name, name) {
			return &list[i]
		}
	}
	return nil
}

// functions are all that an expression may call.
func functions(cat *catalog.Catalog, inMatch bool) []meaning {
	list := append([]meaning{}, specialFunctions...)
	for _, f := range cat.Functions() {
		list = append(list, meaning{f.Name, f.Usage, f.Doc()})
	}
	for _, f := range function.All() {
		list = append(list, meaning{f.Name, f.Usage, f.Doc})
	}
	for _, f := range function.AllAggregates() {
		list = append(list, meaning{f.Name, f.Usage, f.Doc})
	}
	if inMatch {
		for _, m := range matchFunctions {
			if findMeaning(list, m.name) == nil {
				list = append(list, m)
			}
		}
	}
	return list
}

// Function is a function that an expression may call.
type Function struct{ Name, Usage, Doc string }

// Functions are those of users, then all others.
func Functions(cat *catalog.Catalog) []Function {
	var own, others []Function
	for _, m := range functions(cat, false) {
		f := Function{m.name, m.usage, m.doc}
		if _, ok := cat.Function(m.name); ok {
			own = append(own, f)
		} else {
			others = append(others, f)
		}
	}
	return append(own, others...)
}

// functionOf is the function of a name or alias.
func functionOf(cat *catalog.Catalog, name string, inMatch bool) *meaning {
	if m := findMeaning(matchFunctions, name); m != nil && inMatch {
		return m
	}
	if f, ok := cat.Function(name); ok {
		return &meaning{f.Name, f.Usage, f.Doc()}
	}
	if f, ok := function.Lookup(name); ok {
		return &meaning{f.Name, f.Usage, f.Doc}
	}
	if f, ok := function.Aggregate(name); ok {
		return &meaning{f.Name, f.Usage, f.Doc}
	}
	if m := findMeaning(specialFunctions, name); m != nil {
		return m
	}
	return findMeaning(tableFunctions, name)
}
