package ruletest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/check"
	"github.com/cepd/cepd/query/parse"
)

// Options of a run.
type Options struct {
	Clock   clock.Clock // that durations are read from
	Rewrite bool        // golden files are written, not compared
	Cover   bool        // count what the rows show of the patterns
	// ReadFile reads the modules of functions for tests from Parse; nil: these
	// cannot create functions.
	ReadFile func(path string) ([]byte, error)
	// Sample is that of query.Options.
	Sample func(check.SampleRequest) (*check.Sample, error)
}

// Result is what became of a test.
type Result struct {
	File     string
	Test     *Test
	Failures []string // each with its place
	Duration time.Duration
	Covered  []Covered // of each pattern, where Options ask for it
}

// Covered is what a test's rows have shown of a pattern.
type Covered struct {
	SQL, Query string
	Stage      int
	*operators.Coverage
}

// Failed says whether the test failed.
func (r *Result) Failed() bool { return len(r.Failures) > 0 }

// Run runs the tests of a file whose names match.
func (f *File) Run(ctx context.Context, match func(string) bool, o Options) []Result {
	var results []Result
	for _, t := range f.Tests {
		if !match(t.Name) {
			continue
		}
		began := o.Clock.Now()
		r := &runner{file: f, test: t, options: o, world: newWorld(), times: times{f.start, f.start}}
		if err := r.run(ctx); err != nil {
			r.failures = append(r.failures, err.Error())
		}
		results = append(results, Result{f.Path, t, r.failures, time.Duration(o.Clock.Now()-began) * time.Microsecond, r.covered()})
	}
	return results
}

// runner runs one test.
type runner struct {
	file      *File
	test      *Test
	options   Options
	world     *world
	cat       *catalog.Catalog
	times     times
	queries   []*running
	mentioned map[*table]bool // rows of these that nobody expects are failures
	failures  []string
	observers []observed
}

// observed is a pattern of a query.
type observed struct {
	query string
	stage int
	*pattern.Observer
}

// covered sums what the shards of each pattern have seen.
func (r *runner) covered() (list []Covered) {
	for _, o := range r.observers {
		same := func(c Covered) bool { return c.Query == o.query && c.Stage == o.stage }
		if i := slices.IndexFunc(list, same); i >= 0 {
			list[i].Add(o.Coverage())
			continue
		}
		list = append(list, Covered{strings.Join(r.file.SQL, ", "), o.query, o.stage, o.Coverage()})
	}
	return list
}

// observe makes the operator of a pattern whose coverage is counted.
func (r *runner) observe(query string) func(stage, shard int, p *pattern.Program) operators.Stateful {
	return func(stage, shard int, p *pattern.Program) operators.Stateful {
		o := p.NewObserver(shard)
		r.observers = append(r.observers, observed{query, stage, o})
		return o
	}
}

type running struct {
	p       *engine.Pipeline
	writes  []*table
	settled bool // it has ended
}

func (r *runner) fail(line int, format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf("%s:%d: %s", r.file.Path, line, fmt.Sprintf(format, args...)))
}

func (r *runner) run(ctx context.Context) error {
	r.world.now.Advance(r.file.start.Sub(time.Unix(0, 0)))
	r.mentioned = map[*table]bool{}
	steps := r.test.Steps
	if len(steps) == 0 {
		steps = []Step{{Rows: r.test.Input, Line: r.test.Line}}
	}
	compiled, err := r.compile()
	if err != nil {
		return err
	}
	if err := r.layOut(steps); err != nil {
		return err
	}
	if err := r.open(ctx, compiled); err != nil {
		return err
	}
	defer r.close()
	return r.outcome(r.play(ctx, steps))
}

// outcome compares the end of the queries with the error that is expected.
func (r *runner) outcome(err error) error {
	switch {
	case r.test.Error == "":
		return err
	case err == nil:
		r.fail(r.test.Line, "expected the error %q, but the queries went on", r.test.Error)
	case !strings.Contains(err.Error(), r.test.Error):
		r.fail(r.test.Line, "expected the error %q, found: %v", r.test.Error, err)
	}
	return nil
}

func (r *runner) play(ctx context.Context, steps []Step) error {
	for i := range steps {
		if err := r.step(ctx, &steps[i]); err != nil {
			return err
		}
	}
	r.world.ended = true
	r.world.wake()
	if err := r.settle(ctx); err != nil {
		return err
	}
	if err := r.expect(r.test.Expect); err != nil {
		return err
	}
	r.leftOver()
	r.counts("late", r.test.Late, func(p engine.PartitionStatus) int64 { return p.Late })
	r.counts("rejected", r.test.Rejected, func(p engine.PartitionStatus) int64 { return p.Rejects })
	return nil
}

func (r *runner) step(ctx context.Context, s *Step) error {
	if err := r.send(s.Rows); err != nil {
		return err
	}
	if s.Watermark.Kind != 0 {
		at, ok := r.times.at(s.Watermark.Value)
		if !ok {
			return fmt.Errorf("%s:%d: expected a time such as 90s, found %q", r.file.Path, s.Watermark.Line, s.Watermark.Value)
		}
		r.world.mark = max(r.world.mark, at.UnixMicro()-1)
	}
	if s.Clock.Kind != 0 {
		d, ok := duration(s.Clock.Value)
		if !ok {
			return fmt.Errorf("%s:%d: expected a duration such as 10s, found %q", r.file.Path, s.Clock.Line, s.Clock.Value)
		}
		r.world.now.Advance(d)
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	return r.expect(s.Expect)
}

// ---- statements

func (r *runner) compile() ([]query.Query, error) {
	r.cat = catalog.New()
	maps.Copy(r.cat.Settings, r.file.Set)
	params := maps.Clone(r.file.Params)
	if params == nil {
		params = map[string]string{}
	}
	maps.Copy(params, r.test.Params)
	var list []query.Query
	err := r.file.statements(func(name, text string) error {
		script, err := parse.Parse(name, text)
		if err != nil {
			return err
		}
		result, err := query.Compile(r.cat, script, query.Options{File: name, Text: text, Params: params, ReadFile: r.readFile(), Sample: r.options.Sample})
		if err == nil {
			list = append(list, result.Queries...)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: the statements have no query", strings.Join(r.file.SQL, ", "))
	}
	return list, nil
}

// readFile is what reads the modules of functions; nil: the disk has them.
func (r *runner) readFile() func(string) ([]byte, error) {
	if r.file.given == nil || r.options.ReadFile != nil {
		return r.options.ReadFile
	}
	return func(path string) ([]byte, error) {
		return nil, fmt.Errorf("%s cannot be read here: tests without files have no modules", path)
	}
}

func (r *runner) open(ctx context.Context, queries []query.Query) error {
	o := engine.Options{Registry: r.world.registry(), Adds: true, NewDecoder: newDecoder, Clock: &r.world.now, Workers: 1, Access: access.Blind()}
	for i := range queries {
		q := &queries[i]
		cat := *r.cat
		cat.Settings = q.Settings
		if r.options.Cover {
			o.Trace = r.observe(q.Name)
		}
		r.world.opens = q.Name
		p, err := engine.OpenPipeline(ctx, o, q.Insert, &cat, nil)
		if err != nil {
			return fmt.Errorf("query %s: %w", q.Name, err)
		}
		r.queries = append(r.queries, &running{p: p, writes: r.world.opened})
		r.world.opened = nil
	}
	return nil
}

func (r *runner) close() {
	for _, q := range r.queries {
		_ = q.p.Close() // all in memory
	}
}

// settle runs the queries until none has anything to do.
func (r *runner) settle(ctx context.Context) error {
	for busy := true; busy; {
		busy = false
		for _, q := range r.queries {
			again, err := q.advance(ctx)
			if err != nil {
				return err
			}
			busy = busy || again
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// advance does a step and says whether it changed anything.
func (q *running) advance(ctx context.Context) (busy bool, err error) {
	idle, err := q.p.Step(ctx)
	if err != nil {
		return false, err
	}
	n, err := q.p.Deliver(ctx)
	if err != nil {
		return false, err
	}
	if q.p.Done() && q.p.Drained() && !q.settled {
		q.settled = true
		for _, t := range q.writes {
			t.writers--
			t.wake()
		}
		return true, nil
	}
	return !idle || n > 0, nil
}

// ---- rows in

// layOut makes the partitions that the rows name, before sources are opened.
func (r *runner) layOut(steps []Step) error {
	for i := range steps {
		for _, t := range steps[i].Rows {
			rows, err := rowsOf(t.Node)
			if err != nil {
				return r.at(err)
			}
			for _, row := range rows {
				part, err := row.partition()
				if err != nil {
					return r.at(err)
				}
				for to := r.world.table(t.Table); len(to.partitions) <= part; {
					to.partitions = append(to.partitions, nil)
				}
			}
		}
	}
	return nil
}

// at puts the file before an error that has a line.
func (r *runner) at(err error) error {
	return fmt.Errorf("%s:%s", r.file.Path, strings.TrimPrefix(err.Error(), "line "))
}

// The cells of a row that are no columns.
const (
	cellPartition = "_partition"
	cellRecord    = "_record" // the record as it is, in place of columns
	cellKey       = "_key"
	cellTime      = "_timestamp"
)

const maxPartitions = 1000

func (r *row) partition() (int, error) {
	n := r.cell(cellPartition)
	if n == nil {
		return 0, nil
	}
	part, err := strconv.Atoi(n.Value)
	if err != nil || part < 0 || part >= maxPartitions {
		return 0, fmt.Errorf("line %d: %s is a number below %d, not %q", n.Line, cellPartition, maxPartitions, n.Value)
	}
	return part, nil
}

// cell is the node of a column; nil when the row does not name it.
func (r *row) cell(column string) *yaml.Node {
	for i := range r.cells {
		if r.cells[i].column == column {
			return r.cells[i].node
		}
	}
	return nil
}

func (r *runner) send(tables Tables) error {
	if err := r.sendAnswers(tables); err != nil {
		return err
	}
	for _, t := range tables {
		def, ok := r.cat.Table(t.Table)
		if !ok {
			return fmt.Errorf("%s:%d: there is no table %s", r.file.Path, t.Node.Line, t.Table)
		}
		if r.asked(t.Table) {
			continue // it has them already
		}
		rows, err := rowsOf(t.Node)
		if err != nil {
			return r.at(err)
		}
		enc, err := newRecords(def)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := r.sendRow(t.Table, def, enc, &rows[i]); err != nil {
				return r.at(err)
			}
		}
	}
	return nil
}

func (r *runner) sendRow(name string, def *catalog.Table, enc *records, row *row) error {
	rec, err := r.record(def, enc, row)
	if err != nil {
		return err
	}
	part, err := row.partition()
	if err != nil {
		return err
	}
	r.world.table(name).append(part, rec)
	return nil
}

// record makes the record of a row in the table's format.
func (r *runner) record(def *catalog.Table, enc *records, row *row) (rec record, err error) {
	object := map[string]json.RawMessage{}
	for _, c := range row.cells {
		switch c.column {
		case cellPartition:
		case cellOp:
			if def.Column(cellOp) < 0 {
				if rec.tombstone, err = deletes(def, c.node); err != nil {
					return rec, err
				}
				continue
			}
			fallthrough
		default:
			i := def.Column(c.column)
			if i < 0 || def.Columns[i].Kind != catalog.Physical {
				return rec, fmt.Errorf("line %d: table %s has no field %s", row.line, def.Name, c.column)
			}
			if object[def.Columns[i].Name], err = r.times.value(c.node, def.Columns[i].Type); err != nil {
				return rec, err
			}
		case cellRecord:
			rec.value = []byte(c.node.Value)
		case cellKey:
			rec.key = []byte(c.node.Value)
		case cellTime:
			at, ok := r.times.at(c.node.Value)
			if !ok {
				return rec, fmt.Errorf("line %d: expected a time such as 90s, found %q", c.node.Line, c.node.Value)
			}
			rec.time = at.UnixMicro()
		}
	}
	if rec.key == nil && isUpserts(def) {
		if rec.key, err = keyRecord(def, object, row.line); err != nil {
			return rec, err
		}
	}
	if rec.value == nil {
		rec.value, err = enc.encode(object)
	}
	if err != nil {
		err = fmt.Errorf("line %d: %w", row.line, err)
	}
	return rec, err
}

// records writes rows in a table's format.
type records struct {
	decoder connectors.Decoder // of JSON; nil: JSON is the format
	encoder connectors.Encoder
	batch   *event.Batch
}

func newRecords(def *catalog.Table) (*records, error) {
	t := connectors.Table{Name: def.Name, Options: map[string]string{}}
	for k, o := range def.Options {
		t.Options[k] = o.Value
	}
	t = withFormat(t)
	if t.Options["format"] == "json" {
		return &records{}, nil
	}
	var fields []event.Field
	for i := range def.Columns {
		if c := &def.Columns[i]; c.Kind == catalog.Physical {
			t.Columns = append(t.Columns, connectors.Column{Name: c.Name, Type: c.Type})
			fields = append(fields, event.Field{Name: c.Name, Type: c.Type})
		}
	}
	r := &records{batch: event.NewBatch(event.NewSchema(fields...))}
	var err error
	if r.decoder, err = formats.NewDecoder(asJSON(t)); err != nil {
		return nil, err
	}
	r.encoder, err = formats.NewEncoder(t)
	return r, err
}

func (r *records) encode(object map[string]json.RawMessage) ([]byte, error) {
	text, err := json.Marshal(object)
	if err != nil || r.decoder == nil {
		return text, err
	}
	raw := connectors.RawBatch{Buf: text}
	raw.Append(event.Span{Len: uint32(len(text))}, 0)
	r.batch.Reset(1)
	rejects, err := r.decoder.Decode(&raw, r.batch, nil)
	if err == nil && len(rejects) > 0 {
		err = errors.New(rejects[0].Reason)
	}
	if err != nil {
		return nil, err
	}
	var out connectors.Encoded
	err = r.encoder.Encode(r.batch, &out)
	return out.Buf, err
}

func isUpserts(def *catalog.Table) bool { return formats.IsUpserts(def.Option("connector", "")) }

// deletes says whether the op of an input row deletes what has its key.
func deletes(def *catalog.Table, n *yaml.Node) (bool, error) {
	if !isUpserts(def) || n.Value != "+U" && n.Value != "-D" {
		return false, fmt.Errorf("line %d: op of an input row is +U or -D, of a table of 'connector' = '%s'; write other changes with %s", n.Line, formats.Upserts, cellRecord)
	}
	return n.Value == "-D", nil
}

// keyRecord is the key of a row of a table of upserts.
func keyRecord(def *catalog.Table, object map[string]json.RawMessage, line int) ([]byte, error) {
	key := map[string]json.RawMessage{}
	for _, i := range def.PrimaryKey {
		name := def.Columns[i].Name
		if object[name] == nil {
			return nil, fmt.Errorf("line %d: a row of %s has its primary key: %s is missing", line, def.Name, name)
		}
		key[name] = object[name]
	}
	return json.Marshal(key)
}
