package main

import (
	"github.com/cepd/cepd/internal/explain"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
)

// answer prints what a statement that runs no query has to say.
func (r *runCommand) answer(a *query.Action) error {
	switch s := a.Statement.(type) {
	case *ast.Explain:
		return r.print(nil, nil, explain.Of(a.Plan).Text())
	case *ast.Show:
		return r.show(s, a)
	case *ast.Drop:
		return usagef("DROP QUERY is for a server: cepd query drop %s", s.Name.Parts[0].Name)
	case *ast.AlterQuery:
		return usagef("ALTER QUERY is for a server: cepd query replace, pause, resume")
	}
	if a.Columns == nil {
		return nil
	}
	return r.print(a.Columns, a.Rows, "")
}

func (r *runCommand) show(s *ast.Show, a *query.Action) error {
	if s.What != "QUERIES" && s.What != "QUERY STATUS" {
		return r.print(a.Columns, a.Rows, "")
	}
	var rows [][]string
	for _, q := range r.statuses() {
		rows = append(rows, []string{q.Name, string(q.State), q.Hint})
	}
	return r.print([]string{"query", "state", "hint"}, rows, "")
}

// print writes an answer as text, or as one JSON object.
func (r *runCommand) print(columns []string, rows [][]string, text string) error {
	if r.output != "json" {
		printAnswer(r.std.out, columns, rows, text)
		return nil
	}
	return writeJSON(r.std.out, struct {
		Columns []string   `json:"columns,omitempty"`
		Rows    [][]string `json:"rows,omitempty"`
		Text    string     `json:"text,omitempty"`
	}{columns, rows, text})
}
