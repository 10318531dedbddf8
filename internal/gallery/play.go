package gallery

import (
	"context"
	"fmt"
	"time"

	"github.com/cepd/cepd/internal/ruletest"
	"github.com/cepd/cepd/internal/scenario"
)

// Options of a play.
type Options struct {
	Seed uint64                  // 0: that of the scenario
	Saw  func(Finding)           // each row that a query writes; nil: nobody looks
	Told func(l scenario.Label)  // each story that was planted; nil: nobody looks
	Sent func(e *scenario.Event) // each event; nil: nobody looks
}

// Finding is a row that a query has written, and what it was.
type Finding struct {
	scenario.Detection
	Verdict      scenario.Verdict
	Label        *scenario.Label // of what it found, or took a decoy for; nil: nothing
	Query, Table string
}

// Report is how a play went.
type Report struct {
	Events         int
	From, To       time.Time
	Rules          []scenario.Tally
	Missed         []scenario.Label
	Open           int            // planted, and not decided when a live play was ended
	Others         map[string]int // rows of tables that no rule of the scenario is about
	Late, Rejected int64
}

// Short says whether a rule does worse than the scenario asks for.
func (r *Report) Short() bool {
	for i := range r.Rules {
		if r.Rules[i].Short() {
			return true
		}
	}
	return false
}

// batch is how many events arrive before the queries are run.
const batch = 256

// play is an example under way.
type play struct {
	Options
	world  *scenario.World
	score  *scenario.Score
	player *ruletest.Player
	delay  time.Duration
	report Report
	found  []ruletest.Row
}

// Play runs an example to the end of its scenario.
func Play(ctx context.Context, e Example, o Options) (*Report, error) {
	p, err := newPlay(e, o)
	if err != nil {
		return nil, err
	}
	p.player, err = ruletest.NewPlayer(ctx, e.Name+".sql", e.SQL, e.Scenario.Start, func(r ruletest.Row) { p.found = append(p.found, r) })
	if err != nil {
		return nil, err
	}
	defer p.player.Close()
	if err := p.run(ctx); err != nil {
		return nil, fmt.Errorf("example %s: %w", e.Name, err)
	}
	p.report.Rules, p.report.Missed = p.score.Rules, p.score.Missed()
	p.report.Late, p.report.Rejected = p.player.Dropped()
	return &p.report, nil
}

// newPlay is a play that nothing has happened in.
func newPlay(e Example, o Options) (*play, error) {
	f := e.Scenario
	if o.Seed == 0 {
		o.Seed = f.Seed
	}
	world, err := scenario.New(f, o.Seed)
	if err != nil {
		return nil, fmt.Errorf("example %s: %w", e.Name, err)
	}
	return &play{Options: o, world: world, score: scenario.NewScore(f), delay: f.MaxDelay(), report: Report{From: f.Start, Others: map[string]int{}}}, nil
}

func (p *play) run(ctx context.Context) error {
	for ok := true; ok; {
		var err error
		if ok, err = p.send(); err != nil {
			return err
		}
		if err := p.until(ctx, p.report.To, p.report.To.Add(-p.delay)); err != nil {
			return err
		}
	}
	if end := p.world.End(); end.After(p.report.To) {
		p.report.To = end
	}
	return p.until(ctx, p.report.To, p.report.To)
}

// send gives the queries the next events; at the end it says no.
func (p *play) send() (more bool, err error) {
	var b []byte
	for range batch {
		e, ok, err := p.world.Next()
		if err != nil || !ok {
			return false, err
		}
		b = e.AppendJSON(b[:0])
		value := append([]byte(nil), b...)
		if err := p.player.Send(e.Table, value, e.Record != nil, e.Arrival); err != nil {
			return false, err
		}
		if p.Sent != nil {
			p.Sent(&e)
		}
		p.report.Events++
		p.report.To = e.Arrival
	}
	return true, nil
}

// until runs the queries, then judges what they have found: labels are there by
// then, as a story is told before its first event arrives.
func (p *play) until(ctx context.Context, now, mark time.Time) error {
	p.plant()
	if err := p.player.Until(ctx, now, mark); err != nil {
		return err
	}
	for _, r := range p.found {
		if err := p.judge(r); err != nil {
			return err
		}
	}
	p.found = p.found[:0]
	return nil
}

// plant takes what was planted over into the count.
func (p *play) plant() {
	for _, l := range p.world.TakeLabels() {
		p.score.Plant(l)
		if p.Told != nil {
			p.Told(l)
		}
	}
}

func (p *play) judge(r ruletest.Row) error {
	v, d, label, err := p.score.Judge(r.Query, r.Table, r.JSON)
	if err != nil {
		return err
	}
	if v == scenario.Unscored {
		p.report.Others[r.Table]++
	}
	if p.Saw != nil {
		p.Saw(Finding{d, v, label, r.Query, r.Table})
	}
	return nil
}
