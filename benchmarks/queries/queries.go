// Package queries holds the queries that cepd and other systems are measured
// on, as SQL files, with what they find.
//
//	tables.sql + Qn.sql --> Script: statements to compile, once per set of parameters
package queries

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed *.sql
var files embed.FS

// The streams that a workload reads.
const (
	Transactions = "transactions"
	Stock        = "stock"
)

// Workload is a query on a stream, or many copies of one query.
type Workload struct {
	Name   string // Q1 …
	Title  string
	Stream string
	Params []map[string]string // one query for each; a nil one has no parameters
	Events int                 // what a run takes
	// Matches is what the query finds in the first five million events, as other
	// engines counted too; 0: only the hand-written loop knows.
	Matches int
	file    string
}

var plain = []map[string]string{nil}

// large is the parameter of the patterns over trades: one in two hundred ends a
// match.
var large = []map[string]string{{"volume": "995"}}

// All is the workloads in the order of their names.
var All = []Workload{
	{"Q1", "filter", Transactions, plain, 5_000_000, 44_060, "Q1"},
	{"Q2", "strict pair per card", Transactions, plain, 5_000_000, 2_269, "Q2"},
	{"Q3", "skip till next, three steps per card", Transactions, plain, 5_000_000, 23_564, "Q3"},
	{"Q4", "greedy loop with running average per card", Transactions, plain, 5_000_000, 350, "Q4"},
	{"Q5", "absence within 5 s per card", Transactions, plain, 5_000_000, 16_426, "Q5"},
	{"Q6", "tumbling minute per card", Transactions, plain, 5_000_000, 3_763_358, "Q6"},
	{"Q7", "hopping ten minutes per country", Transactions, plain, 5_000_000, 388, "Q7"},
	{"Q8", "all combinations, 3 steps in 100 ms", Stock, large, 2_000_000, 0, "Q8"},
	{"Q8-wide", "all combinations, 3 steps in 500 ms", Stock, large, 200_000, 0, "Q8-wide"},
	{"Q8-long", "all combinations, 6 steps in 100 ms", Stock, large, 50_000, 0, "Q8-long"},
	{"Q9-100", "100 copies of Q2", Transactions, copies(100), 2_000_000, 0, "Q9"},
	{"Q9-1000", "1,000 copies of Q2", Transactions, copies(1000), 2_000_000, 0, "Q9"},
}

// Names lists the workloads.
func Names() []string {
	names := make([]string, len(All))
	for i := range All {
		names[i] = All[i].Name
	}
	return names
}

// Find is the workload of a name, without regard to case.
func Find(name string) (*Workload, bool) {
	for i := range All {
		if strings.EqualFold(All[i].Name, name) {
			return &All[i], true
		}
	}
	return nil, false
}

// Script is the statements of a workload: its table and its query.
func (w *Workload) Script() string { return read("tables") + read(w.file) }

// Tables is the statements of the two tables.
func Tables() string { return read("tables") }

// Copies are the parameters of the first n copies of Q2 of a workload of whole.
func Copies(n, whole int) []map[string]string { return copies(whole)[:n] }

func read(name string) string {
	text, err := files.ReadFile(name + ".sql")
	if err != nil {
		panic(err) // the files are part of the program
	}
	return string(text)
}

// Small and Large are the thresholds of copy q of n of Q2.
func Small(q int) float64 { return float64(5 + q%10) }

// Large: see Small.
func Large(q, n int) float64 { return 1000 + float64(q/10)*4000/float64(n/10) }

// copies are the parameters of n copies of Q2, a multiple of ten.
func copies(n int) []map[string]string {
	list := make([]map[string]string, n)
	for q := range list {
		list[q] = map[string]string{"small": fmt.Sprint(Small(q)), "large": strconv.FormatFloat(Large(q, n), 'f', -1, 64)}
	}
	return list
}
