package avro

import (
	"context"
	"errors"
	"fmt"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry"
)

// maxPrograms is how many schemas' programs a decoder keeps; beyond, all are
// forgotten and compiled again.
const maxPrograms = 1000

// program is how records of one schema are decoded.
type program struct {
	root    *node
	refusal string // why they cannot be; "" when they can
	unknown bool   // the registry does not have the schema, so far
}

// Decoder fills columns from records.
type Decoder struct {
	columns []connectors.Column // none that is metadata, but with their index
	cols    []int               // the columns filled
	notNull []int
	reader  *schema
	all     []connectors.Column // of the record, read or not
	strict  bool                // a schema with a field that is no column is refused
	met     []connectors.Schema // and not told of yet

	// Of Confluent's format.
	registry *schemaregistry.Client // nil: all records are of one program
	ctx      context.Context        // ends when waiting for the registry has to
	programs map[int]*program
	id       int // of program

	program *program
	row     int32 // at hand
	walk    walker
}

// NewDecoder makes the decoder of format 'avro'. physical is all columns of the
// record, which make the schema unless the options have one.
func NewDecoder(columns, physical []connectors.Column, get func(string) string) (*Decoder, error) {
	s, err := schemaOf(Plain, get)
	if err == nil && s == nil {
		s, err = derive(physical, get("avro.timestamp_mapping.legacy") != "false")
	}
	if err != nil {
		return nil, err
	}
	root, err := resolve(s, nil, columns)
	if err != nil {
		return nil, err
	}
	d := newDecoder(columns)
	d.program = &program{root: root}
	d.met = []connectors.Schema{{Fields: writtenFields(s, nil, physical)}}
	return d, nil
}

// NewConfluentDecoder makes the decoder of format 'avro-confluent'.
func NewConfluentDecoder(t connectors.Table, get func(string) string) (*Decoder, error) {
	reader, err := schemaOf(Confluent, get)
	if err != nil {
		return nil, err
	}
	if reader != nil {
		if _, err := resolve(reader, reader, t.Columns); err != nil {
			return nil, fmt.Errorf("option '%s.schema': %w", Confluent, err)
		}
	}
	d := newDecoder(t.Columns)
	d.reader, d.programs, d.ctx = reader, map[int]*program{}, context.Background()
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

func newDecoder(columns []connectors.Column) *Decoder {
	d := &Decoder{columns: columns, id: -1}
	for i, c := range columns {
		if c.Metadata != "" {
			continue
		}
		d.cols = append(d.cols, i)
		if c.NotNull {
			d.notNull = append(d.notNull, i)
		}
	}
	return d
}

// Within implements connectors.Waiter.
func (d *Decoder) Within(ctx context.Context) { d.ctx = ctx }

// Decode implements connectors.Decoder.
func (d *Decoder) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	for _, c := range d.cols {
		cell.Alias(&dst.Cols[c], raw.Buf)
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
		for _, c := range d.cols {
			dst.Cols[c].Set(row, dst.N, event.NullValue)
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
		id, ok := confluent.Head(p[i:])
		if !ok {
			return confluent.NoHead(p[i:], Plain), nil
		}
		if err := d.choose(id); err != nil {
			return "", err
		}
		i += confluent.HeadLen
	}
	if d.program.refusal != "" {
		return d.program.refusal, nil
	}
	if !d.walk.whole(d.program.root, cols, row, p, i) {
		return "not valid Avro: " + d.walk.fault.Reason(base), nil
	}
	return d.missing(cols, row), nil
}

// missing says which column of a row must not be NULL and is; "": none.
func (d *Decoder) missing(cols []event.Vec, row int) string {
	for _, c := range d.notNull {
		if cols[c].Null(row) {
			return fmt.Sprintf("field %s: NULL in a NOT NULL column", d.columns[c].Name)
		}
	}
	return ""
}

// choose makes the program of a schema the current one. It waits for the
// registry where it has to.
func (d *Decoder) choose(id int) (err error) {
	if id == d.id {
		return nil
	}
	p := d.programs[id]
	if p == nil {
		if p, err = d.compile(id); err != nil {
			return err
		}
	}
	d.program, d.id = p, id
	if p.unknown {
		d.id = -1
	}
	return nil
}

// compile compiles a schema of the registry. That there is none is not kept:
// the client knows how long to believe it.
func (d *Decoder) compile(id int) (*program, error) {
	s, err := d.registry.ByID(d.ctx, id)
	if errors.Is(err, schemaregistry.ErrUnknown) {
		return &program{refusal: err.Error(), unknown: true}, nil
	}
	if err != nil {
		return nil, err
	}
	p := &program{}
	if p.root, err = d.resolve(id, s); err != nil {
		p.refusal = fmt.Sprintf("schema %d: %v", id, err)
	}
	if len(d.programs) >= maxPrograms {
		clear(d.programs)
	}
	d.programs[id] = p
	return p, nil
}

func (d *Decoder) resolve(id int, s *schemaregistry.Schema) (*node, error) {
	if s.Kind != schemaregistry.Avro {
		return nil, fmt.Errorf("it is of type %s, not AVRO", s.Kind)
	}
	writer, err := parse(s.Text, s.References...)
	if err != nil {
		return nil, err
	}
	fields := writtenFields(writer, d.reader, d.all)
	if len(d.met) < maxPrograms {
		d.met = append(d.met, connectors.Schema{ID: id, Row: d.row, Fields: fields})
	}
	if name := connectors.Stranger(fields, d.all); d.strict && name != "" {
		return nil, fmt.Errorf("field %s: no column takes it", name)
	}
	return resolve(writer, d.reader, d.columns)
}
