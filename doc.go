// Package cepd runs queries inside a program: rows are pushed in, detections come out,
// and functions, sources, sinks and look-ups may be written in Go.
//
//	e, err := cepd.Open(cepd.Options{Functions: []cepd.Function{cepd.Func1("double", func(x int64) (int64, error) { return 2 * x, nil })}})
//	e.On("alerts", func(r cepd.Row) error { … })
//	queries, err := e.Exec(ctx, `CREATE TABLE payments (…) WITH ('connector' = 'go'); … INSERT INTO alerts SELECT …`)
//	err = e.Push(ctx, "payments", cepd.Row{Values: []any{int64(7), 12.5, time.Now()}})
//
// Tables with 'connector' = 'go' are the program's own: read, they give what Push puts
// in; written, they call what On was given. Connector adds kinds of tables.
//
// # Values
//
// A value of a Row is, by the column's type: nil for NULL, bool, int64, float64, string
// (also of DECIMAL, DATE, TIME and intervals, as CAST gives it), []byte, time.Time (of
// TIMESTAMP and TIMESTAMP_LTZ, in UTC), []any for ARRAY and ROW, Map for MAP. Going in,
// other integers and float32 will do, text for any type that text can be cast to, other
// slices, and map[string]any.
//
// # What functions may do
//
// A query repeats its work after a crash and has to get the same: a function gives the
// same result for the same arguments, always. It reads no clock, no random numbers, no
// variables that change, no network. What is not so belongs into a look-up
// (Connector.Lookup), whose answers are kept in the journal. An error, or a panic, is
// one of the row: it fails the query, or goes the way of 'scan.error-policy'.
//
// The names of this package stay: what is exported here changes only with a new major
// version.
package cepd
