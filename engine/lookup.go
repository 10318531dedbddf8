package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
	"github.com/cepd/cepd/internal/panics"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/lookup"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// asked is the table that a stage of look-ups asks.
type asked struct {
	table   string
	looker  connectors.Looker
	options connectors.LookupOptions
	schema  *event.Schema // of an answer
	clock   clock.Clock

	mu      sync.Mutex
	latency []time.Duration // of questions, for the metrics; at most maxLatencies
	errors  atomic.Int64    // questions that failed, retried or not
}

// maxLatencies is how many latencies wait to be published.
const maxLatencies = 1 << 12

// answerer asks for a shard: live it records the answers for the journal, in a
// replay it gives those. It implements operators.Answerer.
type answerer struct {
	asked  *asked
	kept   bool            // there is a journal
	ctx    context.Context // of the step
	record []byte          // answers of the step
	replay bool
	known  map[string][]byte // in a replay: answers of the step, by key
}

// LookupOptions is how the plan asks a table, by its options.
func LookupOptions(t *catalog.Table) (lookup.Options, error) {
	o, err := connectors.ParseLookup(optionTexts(t))
	return lookup.Options{
		CacheRows: o.CacheRows, Expire: o.Expire.Microseconds(), CacheMissing: o.CacheMissing,
		OnError: map[string]lookup.OnError{"fail": lookup.Fail, "null": lookup.Null, "reject": lookup.Reject}[o.OnError],
	}, err
}

func optionTexts(t *catalog.Table) map[string]string {
	texts := make(map[string]string, len(t.Options))
	for k, o := range t.Options {
		texts[k] = o.Value
	}
	return texts
}

// askedColumns are the columns of a table that a look-up asks by.
func askedColumns(n *plan.Join) []connectors.Column {
	left, right := n.Left.Schema(), n.Right.Schema()
	keys := make([]connectors.Column, len(n.RightKeys))
	for i, c := range n.RightKeys {
		keys[i] = connectors.Column{Name: right.Fields[c].Name, Type: left.Fields[n.LeftKeys[i]].Type}
	}
	return keys
}

// newLooker makes what asks the table of a look-up.
func (b *opener) newLooker(scan *plan.Scan, keys []connectors.Column) (connectors.Looker, error) {
	name := scan.Table.Option("connector", "")
	c, _ := b.options.Registry.Lookup(name)
	a, ok := c.(connectors.Asked)
	if !ok {
		return nil, fmt.Errorf("a table with 'connector' = '%s' cannot be asked for the rows of a key", name)
	}
	table, err := b.table(scan.Table, readColumns(scan))
	if err != nil {
		return nil, err
	}
	return a.Looker(table, keys)
}

// lookups opens what the stages of look-ups ask.
func (b *opener) lookups(ctx context.Context) error {
	for _, s := range b.p.stages {
		program := s.plan.Lookup
		if program == nil {
			continue
		}
		scan := program.Scan()
		o, err := connectors.ParseLookup(optionTexts(scan.Table))
		if err != nil {
			return err
		}
		looker, err := b.newLooker(scan, askedColumns(program.Plan()))
		if err != nil {
			return fmt.Errorf("table %s: %w", scan.Table.Name, err)
		}
		s.asked = &asked{table: scan.Table.Name, looker: looker, options: o, schema: readSchema(scan), clock: b.options.Clock}
		if err := looker.Open(ctx); err != nil {
			return fmt.Errorf("open %s: %w", scan.Table.Name, err)
		}
		for _, h := range s.shards {
			h.answers = &answerer{asked: s.asked, kept: b.p.journal.store != nil}
			h.op.(operators.Asker).Ask(h.answers)
		}
	}
	return nil
}

// begin readies for a step. known has what the journal says was answered; live it
// is nil.
func (a *answerer) begin(ctx context.Context, replay bool, known []byte) error {
	a.ctx, a.replay, a.record = ctx, replay, a.record[:0]
	clear(a.known)
	if len(known) == 0 {
		return nil
	}
	if a.known == nil {
		a.known = map[string][]byte{}
	}
	r := reader{src: known}
	for len(r.src) > 0 && !r.bad {
		key := string(r.bytes(r.uvarint()))
		a.known[key] = r.bytes(r.uvarint())
	}
	if r.bad {
		return errCorruptJournal
	}
	return nil
}

// Answer implements operators.Answerer.
func (a *answerer) Answer(keys [][]byte, columns *event.Batch) ([]operators.Answer, error) {
	if a.replay {
		return a.again(keys)
	}
	answers := make([]operators.Answer, len(keys))
	a.asked.all(a.ctx, columns, answers)
	if err := a.ctx.Err(); err != nil {
		return nil, err
	}
	if a.kept {
		for i, key := range keys {
			a.record = binary.AppendUvarint(a.record, uint64(len(key)))
			a.record = append(a.record, key...)
			answer := a.asked.encode(&answers[i])
			a.record = append(binary.AppendUvarint(a.record, uint64(len(answer))), answer...)
		}
	}
	return answers, nil
}

// again gives the answers of the journal.
func (a *answerer) again(keys [][]byte) ([]operators.Answer, error) {
	answers := make([]operators.Answer, len(keys))
	for i, key := range keys {
		src, ok := a.known[string(key)]
		if !ok {
			return nil, errors.New("the replay asks for a key that was not asked for: an input has changed, or a function is not deterministic; drop the query's state to begin anew")
		}
		if err := a.asked.decode(src, &answers[i]); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// The forms of an answer in the journal.
const (
	answerRows   = 0 // the rows, value by value
	answerFailed = 1 // the reason
)

func (t *asked) encode(a *operators.Answer) []byte {
	if a.Failed != "" {
		return append([]byte{answerFailed}, a.Failed...)
	}
	dst := []byte{answerRows}
	for _, row := range a.Rows {
		for i, v := range row {
			dst = event.AppendValue(dst, t.schema.Fields[i].Type, v)
		}
	}
	return dst
}

func (t *asked) decode(src []byte, a *operators.Answer) error {
	if len(src) == 0 || src[0] > answerFailed {
		return errCorruptJournal
	}
	if src[0] == answerFailed {
		a.Failed = string(src[1:])
		return nil
	}
	for src = src[1:]; len(src) > 0; {
		row := make([]event.Value, len(t.schema.Fields))
		for i, f := range t.schema.Fields {
			v, rest, err := event.ReadValue(src, f.Type)
			if err != nil {
				return errors.Join(errCorruptJournal, err)
			}
			row[i], src = v, rest
		}
		a.Rows = append(a.Rows, row)
	}
	return nil
}

// all asks for every key, some questions at once.
func (t *asked) all(ctx context.Context, columns *event.Batch, answers []operators.Answer) {
	size := max(1, t.looker.Batch())
	free := make(chan struct{}, t.options.InFlight)
	var wg sync.WaitGroup
	for from := 0; from < columns.N; from += size {
		to := min(from+size, columns.N)
		keys := event.NewBatch(columns.Schema)
		keys.Reset(0)
		keys.AppendRows(&event.Batch{Cols: columns.Cols}, event.Rows(from, to))
		keys.N = to - from
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			t.some(ctx, keys, answers[from:to])
		})
	}
	wg.Wait()
}

// some asks one question, again after errors that may pass.
func (t *asked) some(ctx context.Context, keys *event.Batch, answers []operators.Answer) {
	var err error
	for tries := 0; tries <= t.options.Retries; tries++ {
		if tries > 0 && !t.pause(ctx) {
			break
		}
		if err = t.once(ctx, keys, answers); err == nil {
			return
		}
		t.errors.Add(1)
		var permanent *connectors.PermanentError
		if errors.As(err, &permanent) {
			break
		}
	}
	for i := range answers {
		answers[i] = operators.Answer{Failed: err.Error()}
	}
}

func (t *asked) once(ctx context.Context, keys *event.Batch, answers []operators.Answer) (err error) {
	for i := range answers {
		answers[i].Rows = nil
	}
	began := t.clock.Now()
	own, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	defer panics.Recover(&err)
	err = t.looker.Find(own, keys, func(key int, row []event.Value) {
		copied := make([]event.Value, len(row))
		for i := range row {
			copied[i] = function.Clone(row[i])
		}
		answers[key].Rows = append(answers[key].Rows, copied)
	})
	t.took(time.Duration(t.clock.Now()-began) * time.Microsecond)
	if err != nil && own.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer within %s", t.options.Timeout)
	}
	return err
}

func (t *asked) took(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.latency) < maxLatencies {
		t.latency = append(t.latency, d)
	}
}

// latencies are those since the last call.
func (t *asked) latencies() []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Clone(t.latency)
	t.latency = t.latency[:0]
	return out
}

// pause waits before a question is asked again; false when the query ends.
func (t *asked) pause(ctx context.Context) bool {
	if t.options.Delay == 0 {
		return ctx.Err() == nil
	}
	tick, release := t.clock.After(t.options.Delay)
	defer release()
	select {
	case <-tick:
		return true
	case <-ctx.Done():
		return false
	}
}

// lookupStatus sums what the shards have asked; nil when the stage asks for nothing.
func (s *stage) lookupStatus() *LookupStatus {
	if s.asked == nil {
		return nil
	}
	t := &LookupStatus{Table: s.asked.table, Errors: s.asked.errors.Load()}
	for _, h := range s.shards {
		n := h.op.(operators.Asker).Asked()
		t.Hits, t.Misses, t.Failed = t.Hits+n.Hits, t.Misses+n.Misses, t.Failed+n.Failed
	}
	return t
}

// beginLookups readies the answers of the step at hand: live to be asked for, in a
// replay those of the journal.
func (p *Pipeline) beginLookups(ctx context.Context) error {
	for _, s := range p.stages {
		if s.asked == nil {
			continue
		}
		for _, h := range s.shards {
			var known []byte
			if p.recovery != nil {
				known = p.recovery.steps[p.recovery.at].answers[shardAt{s.index, h.index}]
			}
			if err := h.answers.begin(ctx, p.recovery != nil, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// shardAt is a shard of a stage.
type shardAt struct{ stage, shard int }

// appendAnswers writes what the shards were answered in the step; nothing where none
// was.
//
//	stage, shard, length, answers …
func appendAnswers(dst []byte, stages []*stage) []byte {
	for _, s := range stages {
		if s.asked == nil {
			continue
		}
		for _, h := range s.shards {
			if len(h.answers.record) > 0 {
				dst = binary.AppendUvarint(dst, uint64(s.index))
				dst = binary.AppendUvarint(dst, uint64(h.index))
				dst = append(binary.AppendUvarint(dst, uint64(len(h.answers.record))), h.answers.record...)
			}
		}
	}
	return dst
}

func readAnswers(r *reader) map[shardAt][]byte {
	if len(r.src) == 0 {
		return nil
	}
	answers := map[shardAt][]byte{}
	for len(r.src) > 0 && !r.bad {
		at := shardAt{int(r.uvarint()), int(r.uvarint())}
		answers[at] = r.bytes(r.uvarint())
	}
	return answers
}
