package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
	"github.com/cepd/cepd/state/intake"
)

// posters are the tables that are posted to.
type posters struct {
	mu   sync.Mutex
	list map[*catalog.Table]*poster

	parameters map[*catalog.Table]*parameters
}

// poster is a table that is posted to.
type poster struct {
	*http.Poster
	table *catalog.Table
	log   *intake.Log
	rate  *rate.Limiter
}

// loggedBy says by which connector events of a table are kept here; empty: they
// are not.
func loggedBy(t *catalog.Table) string {
	switch c := t.Option("connector", ""); {
	case c == formats.Parameters, c == "mqtt", c == "syslog", c == stream.Name, c == "http" && t.Option("url", "") == "":
		return c
	}
	return ""
}

// makeLogs begins the logs of tables that are new.
func (s *Service) makeLogs(cat *catalog.Catalog) error {
	logs := s.runner.Intake()
	if logs == nil {
		return nil
	}
	for _, t := range cat.Tables() {
		if loggedBy(t) == "" {
			continue
		}
		l, err := logs.Log(t.Name)
		if err != nil {
			return err
		}
		if loggedBy(t) == formats.Parameters {
			l.Limit(http.ParameterLimits)
			continue
		}
		var options connectors.Table
		if options, err = s.runner.Connect(t); err != nil {
			return err
		}
		l.Limit(limitsOf(loggedBy(t), options.Options))
	}
	return nil
}

// limitsOf are those of a table of a connector.
func limitsOf(connector string, options map[string]string) intake.Limits {
	switch connector {
	case "http":
		return http.Limits(options)
	case stream.Name:
		return stream.Limits(options)
	}
	return pushed.Limits(options, "")
}

// dropLogs deletes the logs of tables that are gone.
func (s *Service) dropLogs(cat *catalog.Catalog) error {
	logs := s.runner.Intake()
	if logs == nil {
		return nil
	}
	var errs []error
	for _, l := range logs.All() {
		if t, ok := cat.Table(l.Name()); !ok || loggedBy(t) == "" {
			errs = append(errs, logs.Drop(l.Name()))
		}
	}
	if hub := s.runner.Streams(); hub != nil {
		hub.Forget(func(table string) bool { return logs.Find(table) == nil })
	}
	s.posters.mu.Lock()
	clear(s.posters.list)
	clear(s.posters.parameters)
	s.posters.mu.Unlock()
	return errors.Join(errs...)
}

// forgetUnread has a query hold nothing back of the tables that its new text does
// not read.
func (s *Service) forgetUnread(q *query.Query) error {
	logs := s.runner.Intake()
	if logs == nil {
		return nil
	}
	var errs []error
	for _, l := range logs.All() {
		if !slices.ContainsFunc(q.Insert.All(), func(n *plan.Insert) bool { return reads(n.Input, l.Name()) }) {
			errs = append(errs, l.Forget(q.Name))
		}
	}
	return errors.Join(errs...)
}

func reads(n plan.Node, table string) bool {
	if s, ok := n.(*plan.Scan); ok {
		return strings.EqualFold(s.Table.Name, table)
	}
	return slices.ContainsFunc(n.Inputs(), func(in plan.Node) bool { return reads(in, table) })
}

// poster finds the table to post to.
func (s *Service) poster(name string) (*poster, error) {
	t, ok := s.definitions().Table(name)
	switch {
	case !ok:
		return nil, notFound("there is no table %q", name)
	case loggedBy(t) != "http":
		return nil, badRequest("nothing can be posted to table %s: that takes 'connector' = 'http', without 'url'", t.Name)
	case s.runner.Intake() == nil:
		return nil, badRequest("this server keeps no events")
	}
	s.posters.mu.Lock()
	defer s.posters.mu.Unlock()
	if p := s.posters.list[t]; p != nil {
		return p, nil
	}
	p, err := s.newPoster(t)
	if err != nil {
		return nil, badRequest("table %s: %v", t.Name, err)
	}
	if s.posters.list == nil {
		s.posters.list = map[*catalog.Table]*poster{}
	}
	s.posters.list[t] = p
	return p, nil
}

func (s *Service) newPoster(t *catalog.Table) (*poster, error) {
	table, err := s.runner.Connect(t)
	if err != nil {
		return nil, err
	}
	p := &poster{table: t}
	if p.Poster, err = http.NewPoster(table); err != nil {
		return nil, err
	}
	if p.log, err = s.runner.Intake().Log(t.Name); err != nil {
		return nil, err
	}
	p.rate = rate.NewLimiter(rate.Inf, 0)
	if n := p.Rate(); n > 0 {
		p.rate = rate.NewLimiter(rate.Limit(n), n)
	}
	return p, nil
}

// Intake is the logs of tables that are posted to; nil: there are none.
func (r EngineRunner) Intake() *intake.Logs { return r.Logs }

// who is the name of who has sent a request.
func who(ctx context.Context) string {
	if e, ok := ctx.Value(entryKey{}).(*audit.Entry); ok {
		return e.Who
	}
	return ""
}
