package protobuf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry"
)

// maxPrograms is how many messages of a registry a decoder keeps; beyond, all
// are forgotten and compiled again.
const maxPrograms = 1000

// program is how records of one message are decoded.
type program struct {
	root    *message
	refusal string // why they cannot be; "" when they can
	head    []byte // of their records, in Confluent's format
	unknown bool   // the registry does not have the schema, so far
}

// Decoder fills columns from records.
type Decoder struct {
	columns []connectors.Column
	targets []target
	notNull []int
	planner planner
	all     []connectors.Column // of the record, read or not
	strict  bool                // a message with a field that is no column is refused
	met     []connectors.Schema // and not told of yet

	registry *schemaregistry.Client // nil: all records are of one program
	ctx      context.Context        // ends when waiting for the registry has to
	programs map[string]*program    // by head

	program *program
	row     int32 // at hand
	walk    walker
}

// NewDecoder makes the decoder of format 'protobuf'.
func NewDecoder(t connectors.Table, get func(string) string) (*Decoder, error) {
	columns := t.Physical
	if len(columns) == 0 {
		columns = t.Columns
	}
	o := optionsOf(Plain, t, get, columns)
	desc, err := o.message()
	if err != nil {
		return nil, err
	}
	d := newDecoder(t.Columns, o)
	root, err := d.planner.message(desc, d.targets)
	d.program = &program{root: root}
	d.met = []connectors.Schema{{Fields: writtenFields(desc)}}
	return d, err
}

// NewConfluentDecoder makes the decoder of format 'protobuf-confluent'.
func NewConfluentDecoder(t connectors.Table, get func(string) string) (*Decoder, error) {
	o := optionsOf(Confluent, t, get, nil)
	d := newDecoder(t.Columns, o)
	d.programs, d.ctx, d.program = map[string]*program{}, context.Background(), &program{}
	var err error
	d.all, d.strict = t.Physical, !connectors.Evolves(t)
	if len(d.all) == 0 {
		d.all = t.Columns
	}
	d.registry, err = confluent.NewClient(Confluent, get, t)
	return d, err
}

// Schemas implements connectors.SchemaLister.
func (d *Decoder) Schemas() []connectors.Schema {
	list := d.met
	d.met = nil
	return list
}

func newDecoder(columns []connectors.Column, o *options) *Decoder {
	d := &Decoder{columns: columns, targets: targetsOf(columns), planner: planner{defaults: o.option("read-default-values") == "true"}}
	for _, t := range d.targets {
		if columns[t.col].NotNull {
			d.notNull = append(d.notNull, t.col)
		}
	}
	return d
}

// Within implements connectors.Waiter.
func (d *Decoder) Within(ctx context.Context) { d.ctx = ctx }

// Decode implements connectors.Decoder.
func (d *Decoder) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	for _, t := range d.targets {
		cell.Alias(&dst.Cols[t.col], raw.Buf)
	}
	for row, value := range raw.Value {
		d.row = int32(row)
		reason := "null value"
		if raw.Flags[row]&connectors.NullValue == 0 {
			var err error
			if reason, err = d.record(dst.Cols, row, raw.Buf[:value.Off+value.Len:value.Off+value.Len], int(value.Off)); err != nil {
				return rejects, err
			}
		}
		if reason == "" {
			continue
		}
		for _, t := range d.targets {
			dst.Cols[t.col].Set(row, dst.N, event.NullValue)
		}
		rejects = append(rejects, connectors.Reject{Row: int32(row), Reason: reason})
	}
	return rejects, nil
}

// record decodes the record that is the rest of p from i on; reason is why it
// cannot be used.
func (d *Decoder) record(cols []event.Vec, row int, p []byte, i int) (reason string, err error) {
	base := i
	if d.registry != nil {
		if reason, err = d.choose(p[i:]); reason != "" || err != nil {
			return reason, err
		}
		i += len(d.program.head)
	}
	if d.program.refusal != "" {
		return d.program.refusal, nil
	}
	if !d.walk.whole(d.program.root, cols, row, p, i) {
		return "not valid Protobuf: " + d.walk.fault.Reason(base), nil
	}
	for _, c := range d.notNull {
		if cols[c].Null(row) {
			return fmt.Sprintf("field %s: NULL in a NOT NULL column", d.columns[c].Name), nil
		}
	}
	return "", nil
}

// choose makes the program of a record the current one. It waits for the
// registry where it has to.
func (d *Decoder) choose(record []byte) (reason string, err error) {
	if head := d.program.head; head != nil && bytes.HasPrefix(record, head) && !d.program.unknown {
		return "", nil
	}
	id, ok := confluent.Head(record)
	if !ok {
		return confluent.NoHead(record, Plain), nil
	}
	indexes, n := readIndexes(record[confluent.HeadLen:])
	if n < 0 {
		return "not valid: the place of the message in its schema is damaged", nil
	}
	head := record[:confluent.HeadLen+n]
	p := d.programs[string(head)]
	if p == nil {
		if p, err = d.compile(id, indexes); err != nil {
			return "", err
		}
		p.head = bytes.Clone(head)
		d.keep(p)
	}
	d.program = p
	return "", nil
}

// keep remembers a program. That there is no schema is not kept: the client
// knows how long to believe it.
func (d *Decoder) keep(p *program) {
	if p.unknown {
		return
	}
	if len(d.programs) >= maxPrograms {
		clear(d.programs)
	}
	d.programs[string(p.head)] = p
}

// maxIndexes is how deep in its schema a message may be defined.
const maxIndexes = 32

// readIndexes reads where in its schema a message is: how many indexes there
// are, then one for each level, as zig-zag integers. None at all is the first
// message. n < 0: they are damaged.
func readIndexes(p []byte) (indexes []int, n int) {
	count, n := protowire.ConsumeVarint(p)
	if n < 0 || protowire.DecodeZigZag(count) < 0 || protowire.DecodeZigZag(count) > maxIndexes {
		return nil, -1
	}
	if count == 0 {
		return []int{0}, n
	}
	for range protowire.DecodeZigZag(count) {
		v, k := protowire.ConsumeVarint(p[n:])
		if k < 0 {
			return nil, -1
		}
		indexes, n = append(indexes, int(int32(protowire.DecodeZigZag(v)))), n+k
	}
	return indexes, n
}

// compile compiles a message of the registry.
func (d *Decoder) compile(id int, indexes []int) (*program, error) {
	s, err := d.registry.ByID(d.ctx, id)
	if errors.Is(err, schemaregistry.ErrUnknown) {
		return &program{refusal: err.Error(), unknown: true}, nil
	}
	if err != nil {
		return nil, err
	}
	p := &program{}
	if p.root, err = d.plan(id, s, indexes); err != nil {
		p.refusal = fmt.Sprintf("schema %d: %v", id, err)
	}
	return p, nil
}

func (d *Decoder) plan(id int, s *schemaregistry.Schema, indexes []int) (*message, error) {
	if s.Kind != schemaregistry.Protobuf {
		return nil, fmt.Errorf("it is of type %s, not PROTOBUF", s.Kind)
	}
	file, err := compile(s.Text, func(path string) (string, error) {
		for _, r := range s.References {
			if r.Name == path {
				return r.Text, nil
			}
		}
		return "", os.ErrNotExist
	})
	if err != nil {
		return nil, err
	}
	desc, err := at(file.Messages(), indexes)
	if err != nil {
		return nil, err
	}
	fields := writtenFields(desc)
	if len(d.met) < maxPrograms {
		d.met = append(d.met, connectors.Schema{ID: id, Row: d.row, Fields: fields})
	}
	if name := connectors.Stranger(fields, d.all); d.strict && name != "" {
		return nil, fmt.Errorf("field %s: no column takes it", name)
	}
	return d.planner.message(desc, d.targets)
}

// at is the message at a place of the schema.
func at(all protoreflect.MessageDescriptors, indexes []int) (m protoreflect.MessageDescriptor, err error) {
	for _, i := range indexes {
		if i < 0 || i >= all.Len() {
			return nil, fmt.Errorf("it has no message at place %v", indexes)
		}
		m = all.Get(i)
		all = m.Messages()
	}
	return m, nil
}
