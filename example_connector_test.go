package cepd_test

import (
	"context"
	"fmt"
	"log"
	"strconv"
	"strings"

	"github.com/cepd/cepd"
)

// lines is a connector in whole: a table of the lines of a text, and one that prints.
func lines() cepd.Connector {
	return cepd.Connector{
		Name: "lines", Options: []string{"text", "prefix"}, Replayable: true,
		Source: func(t cepd.Table) (cepd.Source, error) {
			if len(t.Columns) != 1 {
				return nil, fmt.Errorf("a table of lines has one column")
			}
			return lineSource(strings.Split(t.Options["text"], "\n")), nil
		},
		Sink:   func(t cepd.Table) (cepd.Sink, error) { return lineSink(t.Options["prefix"]), nil },
		Lookup: func(cepd.Table) (cepd.Lookup, error) { return lengths{}, nil },
	}
}

type lineSource []string

// Read gives the lines from a number on: after a crash, from where the query was.
func (s lineSource) Read(_ context.Context, from int64, emit func(cepd.Row) error) error {
	for _, line := range s[from:] {
		if err := emit(cepd.Row{Values: []any{line}}); err != nil {
			return err
		}
	}
	return nil
}

type lineSink string

func (prefix lineSink) Write(_ context.Context, rows []cepd.Row) error {
	for _, r := range rows {
		fmt.Println(string(prefix) + fmt.Sprint(r.Values...))
	}
	return nil
}

type lengths struct{}

// Find answers for a line: as a service would, and perhaps otherwise tomorrow.
func (lengths) Find(_ context.Context, key []any) ([]cepd.Row, error) {
	return []cepd.Row{{Values: []any{key[0], strconv.Itoa(len(key[0].(string)))}}}, nil
}

// A connector written in Go: source, sink and look-up.
func ExampleConnector() {
	ctx := context.Background()
	e, err := cepd.Open(cepd.Options{Connectors: []cepd.Connector{lines()}})
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close(ctx)
	queries, err := e.Exec(ctx, `
		CREATE TABLE text (line STRING, proc AS PROCTIME()) WITH ('connector' = 'lines', 'text' = :text);
		CREATE TABLE size (line STRING, n INT) WITH ('connector' = 'lines', 'lookup.cache' = 'PARTIAL');
		CREATE TABLE out (x STRING) WITH ('connector' = 'lines', 'prefix' = '> ');
		INSERT INTO out SELECT UPPER(t.line) || ' ' || CAST(s.n AS STRING) FROM text AS t
		  JOIN size FOR SYSTEM_TIME AS OF t.proc AS s ON s.line = t.line WHERE t.line <> '';`,
		map[string]string{"text": "'one\n\nthree'"})
	if err != nil {
		log.Fatal(err)
	}
	if err := queries[0].Wait(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// > ONE 3
	// > THREE 5
}
