package formats

import (
	"context"
	"fmt"
	"io"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/avro"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/event"
)

// Files makes the files of a table in its format.
type Files struct {
	// Suffix is what their names end with.
	Suffix string

	columns *parquet.Format // nil: no Parquet
	avro    *avro.Container // nil: no Avro
	encoder connectors.Encoder
	head    []byte
	rows    connectors.Encoded
}

// FileWriter writes the rows of one file.
type FileWriter interface {
	// Write adds the live rows of a batch.
	Write(b *event.Batch) error
	// Close writes what is left. The file itself stays open.
	Close() error
}

// NewFiles reads the format of a table. Columns with Metadata are left out.
func NewFiles(t connectors.Table) (*Files, error) {
	chosen, get, err := choice(t)
	if err != nil {
		return nil, err
	}
	f := &Files{Suffix: "." + chosen.name}
	if chosen.name == parquet.Name {
		if t.Changes {
			return nil, fmt.Errorf("rows are updated and deleted, and files in format '%s' have no place for that; json and csv have", parquet.Name)
		}
		f.columns, err = parquet.NewFormat(t.Columns, get(parquet.OptCompression))
		return f, err
	}
	if chosen.name == avro.Plain {
		if t.Changes {
			return nil, fmt.Errorf("rows are updated and deleted, and files in format '%s' have no place for that; json and csv have", avro.Plain)
		}
		f.avro, err = avro.NewContainer(t.Columns, get)
		return f, err
	}
	framing, err := NewFraming(t)
	if err != nil {
		return nil, err
	}
	f.head = framing.Head
	f.encoder, err = NewEncoder(t)
	return f, err
}

// Open readies the format.
func (f *Files) Open(ctx context.Context) error {
	if f.encoder == nil {
		return nil
	}
	return connectors.OpenEncoder(ctx, f.encoder)
}

// Packs is the option that says how files are compressed inside; "": none does.
func (f *Files) Packs() string {
	switch {
	case f.columns != nil:
		return parquet.OptCompression
	case f.avro != nil:
		return avro.OptCodec
	}
	return ""
}

// New begins a file.
func (f *Files) New(to io.Writer) (FileWriter, error) {
	if f.columns != nil {
		return f.columns.NewWriter(to), nil
	}
	if f.avro != nil {
		return f.avro.NewWriter(to)
	}
	_, err := to.Write(f.head)
	return lineWriter{f, to}, err
}

// lineWriter writes a record as a line.
type lineWriter struct {
	files *Files
	to    io.Writer
}

func (w lineWriter) Write(b *event.Batch) error {
	rows := &w.files.rows
	rows.Reset()
	if err := w.files.encoder.Encode(b, rows); err != nil {
		return err
	}
	for _, v := range rows.Value {
		if _, err := w.to.Write(rows.Buf[v.Off : v.Off+v.Len]); err != nil {
			return err
		}
		if _, err := w.to.Write(lineBreak); err != nil {
			return err
		}
	}
	return nil
}

var lineBreak = []byte{'\n'}

func (w lineWriter) Close() error { return nil }
