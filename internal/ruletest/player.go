package ruletest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cepd/cepd/query/catalog"
)

// Player runs statements on records that come one after the other, in virtual
// time, as a rule test does.
type Player struct {
	runner  *runner
	records map[string]*records // by table
}

// Row is a row that a query has written into a table.
type Row struct {
	Query, Table string
	JSON         json.RawMessage
}

// NewPlayer starts the queries of statements; heard is called with each row that
// they write. name is what errors call the statements.
func NewPlayer(ctx context.Context, name, statements string, start time.Time, heard func(Row)) (*Player, error) {
	f := &File{Path: name, SQL: Strings{name}, given: &statements, start: start}
	r := &runner{file: f, test: &Test{}, world: newWorld(), times: times{start, start}}
	r.world.now.Advance(start.Sub(time.Unix(0, 0)))
	r.world.heard = heard
	queries, err := r.compile()
	if err != nil {
		return nil, err
	}
	p := &Player{runner: r, records: map[string]*records{}}
	if err := r.open(ctx, queries); err != nil {
		r.close()
		return nil, err
	}
	return p, nil
}

// Table is the definition of a table.
func (p *Player) Table(name string) (*catalog.Table, bool) { return p.runner.cat.Table(name) }

// Send gives a table a record: an object, which is written in the table's format,
// or as it is. at is the record's own time, which Kafka's 'timestamp' tells.
func (p *Player) Send(name string, value []byte, asIs bool, at time.Time) error {
	def, ok := p.Table(name)
	if !ok {
		return fmt.Errorf("%s has no table %s", p.runner.file.Path, name)
	}
	if !asIs {
		var err error
		if value, err = p.encoded(def, value); err != nil {
			return fmt.Errorf("table %s: %s: %w", name, value, err)
		}
	}
	p.runner.world.table(name).append(0, record{value: value, time: at.UnixMicro()})
	return nil
}

// encoded is an object in the format of a table.
func (p *Player) encoded(def *catalog.Table, object []byte) ([]byte, error) {
	enc := p.records[def.Name]
	if enc == nil {
		var err error
		if enc, err = newRecords(def); err != nil {
			return object, err
		}
		p.records[def.Name] = enc
	}
	if enc.decoder == nil {
		return object, nil
	}
	var cells map[string]json.RawMessage
	if err := json.Unmarshal(object, &cells); err != nil {
		return object, err
	}
	return enc.encode(cells)
}

// Until moves processing time on to now, says that no row before mark comes any
// more, and returns when no query has anything to do.
func (p *Player) Until(ctx context.Context, now, mark time.Time) error {
	w := p.runner.world
	if d := now.UnixMicro() - w.now.Now(); d > 0 {
		w.now.Advance(time.Duration(d) * time.Microsecond)
	}
	w.mark = max(w.mark, mark.UnixMicro()-1)
	return p.runner.settle(ctx)
}

// Dropped is how many records queries have found behind the watermark, and how
// many they could not use.
func (p *Player) Dropped() (late, rejected int64) {
	for _, q := range p.runner.queries {
		for _, part := range q.p.Status().Partitions {
			late += part.Late
			rejected += part.Rejects
		}
	}
	return late, rejected
}

// Close ends the queries; what is open stays undecided.
func (p *Player) Close() { p.runner.close() }
