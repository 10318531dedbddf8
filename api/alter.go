package api

import (
	"context"

	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/parse"
)

// alter carries out ALTER QUERY, which stands alone in a submission; done says
// that the text was one.
func (s *Service) alter(sub *Submission) (out *Outcome, done bool, err error) {
	script, err := parse.Parse(sub.File, sub.SQL)
	if err != nil {
		return nil, false, nil //nolint:nilerr // Submit says what is wrong
	}
	for _, st := range script.Statements {
		a, ok := st.(*ast.AlterQuery)
		switch {
		case !ok:
			continue
		case len(script.Statements) > 1:
			return nil, false, badRequest("ALTER QUERY %s stands beside other statements: submit it alone, so that it happens or does not", a.Name.Name)
		}
		out, err := s.alterQuery(sub, a)
		return out, true, err
	}
	return nil, false, nil
}

func (s *Service) alterQuery(sub *Submission, a *ast.AlterQuery) (*Outcome, error) {
	name := a.Name.Name
	switch a.Action {
	case "PAUSE":
		return &Outcome{Queries: []string{}, Paused: []string{name}}, s.Pause(context.Background(), name)
	case "RESUME":
		return &Outcome{Queries: []string{name}}, s.Resume(name)
	case "PROMOTE":
		_, err := s.Promote(context.Background(), name)
		return &Outcome{Queries: []string{name}}, err
	}
	r := &Replacement{File: sub.File, SQL: sub.SQL, Params: sub.Params, By: sub.By}
	done, err := s.Replace(context.Background(), name, r)
	switch {
	case err != nil:
		return nil, err
	case !done.Done:
		return nil, done.undone()
	}
	return &Outcome{Queries: []string{done.Query}, Warnings: done.Warnings}, nil
}
