package gallery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/ruletest"
	"github.com/cepd/cepd/internal/scenario"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
)

// LiveOptions of a play on a server.
type LiveOptions struct {
	Options
	Clock clock.Clock
	Speed float64      // seconds of the story in one; 0: so that it takes five minutes
	Over  func()       // all events are sent; nil: nobody looks
	Stop  func() error // stops the server, before the broker goes
}

const (
	tick      = 50 * time.Millisecond
	tickRows  = 2000 // events at most in a tick
	wholePlay = 5 * time.Minute
	onTheWay  = 2 * time.Second // from an event sent to its detection read, at most as a rule
)

// live is an example that is played on a server.
type live struct {
	LiveOptions
	play
	service *api.Service
	client  *kgo.Client
	tables  map[string]*catalog.Table
	after   map[string]string // by query: behind the last detection that was judged
	next    *scenario.Event
	over    bool
}

// Live plays an example on a server until the context ends. Its events come through
// a Kafka-protocol broker in this process, at a pace that one can look at. Stories
// that are not decided by then are not counted.
func Live(ctx context.Context, service *api.Service, e Example, o LiveOptions) (*Report, error) {
	p, err := newPlay(e, o.Options)
	if err != nil {
		return nil, err
	}
	l := &live{LiveOptions: o, play: *p, service: service, after: map[string]string{}}
	if l.tables, err = tablesOf(e); err != nil {
		return nil, err
	}
	if l.Speed == 0 {
		l.Speed = e.Scenario.Duration.Seconds() / wholePlay.Seconds()
	}
	address, stopBroker, err := broker.Start(topicsOf(l.tables), 1)
	if err != nil {
		return nil, errors.Join(err, o.Stop())
	}
	defer stopBroker()
	err = errors.Join(l.on(ctx, address, e), o.Stop())
	l.conclude(e.Scenario)
	return &l.report, err
}

// tablesOf is the tables of an example that are topics, by their folded names.
func tablesOf(e Example) (map[string]*catalog.Table, error) {
	file := e.Name + ".sql"
	script, err := parse.Parse(file, e.SQL)
	if err != nil {
		return nil, err
	}
	cat := catalog.New()
	if _, err := query.Compile(cat, script, query.Options{File: file, Text: e.SQL}); err != nil {
		return nil, err
	}
	tables := map[string]*catalog.Table{}
	for _, t := range cat.Tables() {
		if t.Option("connector", "") == "kafka" {
			tables[strings.ToLower(t.Name)] = t
		}
	}
	return tables, nil
}

func topicsOf(tables map[string]*catalog.Table) (topics []string) {
	for _, t := range tables {
		topics = append(topics, t.Option("topic", ""))
	}
	return topics
}

// on plays with a broker.
func (l *live) on(ctx context.Context, address string, e Example) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer client.Close()
	l.client = client
	sql := strings.ReplaceAll(e.SQL, "'localhost:9092'", "'"+address+"'")
	out, err := l.service.Submit(&api.Submission{File: "examples/" + e.Name + "/" + e.Name + ".sql", SQL: sql})
	if err != nil {
		return err
	}
	for _, q := range out.Queries {
		l.after[q] = engine.FromOldest
	}
	for began := l.Clock.Now(); ; {
		next, release := l.Clock.After(tick)
		select {
		case <-ctx.Done():
			release()
			return nil
		case <-next:
			passed := time.Duration(float64(l.Clock.Now()-began) * l.Speed * float64(time.Microsecond))
			if err := cmp.Or(l.feed(ctx, e.Scenario.Start.Add(passed)), l.look(out.Queries)); err != nil {
				return err
			}
		}
	}
}

// feed sends the events that have arrived by now.
func (l *live) feed(ctx context.Context, now time.Time) error {
	var records []*kgo.Record
	for !l.over && len(records) < tickRows {
		e, err := l.upcoming()
		if err != nil {
			return err
		}
		if e == nil || e.Arrival.After(now) {
			break
		}
		t, ok := l.tables[strings.ToLower(e.Table)]
		if !ok {
			return fmt.Errorf("the table %s is no topic: only topics are played live", e.Table)
		}
		records = append(records, &kgo.Record{Topic: t.Option("topic", ""), Value: e.AppendJSON(nil), Timestamp: e.Arrival})
		l.report.Events++
		l.report.To = e.Arrival
		l.next = nil
	}
	if err := l.client.ProduceSync(ctx, records...).FirstErr(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// upcoming is the next event; at the end there is none.
func (l *live) upcoming() (*scenario.Event, error) {
	if l.next != nil {
		return l.next, nil
	}
	e, ok, err := l.world.Next()
	l.plant()
	if err != nil || !ok {
		if l.over = true; l.Over != nil && err == nil {
			l.Over()
		}
		return nil, err
	}
	l.next = &e
	return l.next, nil
}

// look judges what the queries have found since the last look. A query that the
// user has dropped, or that has failed, finds nothing.
func (l *live) look(queries []string) error {
	for _, q := range queries {
		out, err := l.service.Detections(q, l.after[q], tickRows)
		if err != nil {
			continue
		}
		l.after[q] = out.Next
		for i := range out.Detections {
			d := &out.Detections[i]
			if err := l.judge(ruletest.Row{Query: d.Query, Table: d.Sink, JSON: d.Columns}); err != nil {
				return err
			}
		}
	}
	return nil
}

// conclude takes out of the count what may not be decided yet: the tail of a scenario
// is as long as that takes.
func (l *live) conclude(f *scenario.File) {
	l.report.Rules = l.score.Rules
	now := l.report.To.Add(-f.MaxDelay())
	if !l.over {
		now = now.Add(-time.Duration(l.Speed * float64(onTheWay)))
	}
	for _, m := range l.score.Missed() {
		r := l.report.rule(m.Rule)
		if m.To.Add(max(r.Delay, f.Tail)).Before(now) {
			l.report.Missed = append(l.report.Missed, m)
			continue
		}
		r.Planted--
		l.report.Open++
	}
}

func (r *Report) rule(name string) *scenario.Tally {
	for i := range r.Rules {
		if r.Rules[i].Name == name {
			return &r.Rules[i]
		}
	}
	return nil
}
