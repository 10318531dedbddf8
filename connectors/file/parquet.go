package file

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
)

// columnar is a source of files that are read as rows: partition i is a split of the file
// i / splits.
type columnar struct {
	source
	table  connectors.Table
	splits int
}

func newColumnar(t connectors.Table, path string) (connectors.Source, error) {
	if t.Reload > 0 {
		return nil, errors.New("a file of columns with 'scan.reload-interval' is not supported yet")
	}
	return &columnar{source: source{path: path, access: t.Access, log: t.Log}, table: t, splits: formats.Splits(t)}, formats.CheckRows(t)
}

// Open implements connectors.Source.
func (s *columnar) Open(ctx context.Context, part int32, from int64, _ func()) (connectors.Reader, error) {
	if _, err := s.Partitions(ctx); err != nil {
		return nil, err
	}
	i, split := int(part)/s.splits, int(part)%s.splits
	if part < 0 || i >= len(s.files) {
		return nil, fmt.Errorf("path '%s' has %d files: there is no partition %d", s.path, len(s.files), part)
	}
	f, err := s.access.Open(s.files[i])
	if err != nil {
		return nil, err
	}
	r := &columnReader{file: f, name: s.files[i], part: part, columns: s.table.Columns}
	if err := r.open(s.table, split, max(from, 0)); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return r, nil
}

// Partitions implements connectors.Source.
func (s *columnar) Partitions(ctx context.Context) ([]int32, error) {
	files, err := s.source.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	parts := make([]int32, len(files)*s.splits)
	for i := range parts {
		parts[i] = int32(i)
	}
	return parts, nil
}

// columnReader reads a partition. It implements connectors.ColumnReader and
// connectors.Rejecter.
type columnReader struct {
	formats.Rows
	file    *os.File
	name    string
	part    int32
	columns []connectors.Column
}

func (r *columnReader) open(t connectors.Table, split int, from int64) error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	r.Rows, err = formats.OpenRows(t, r.file, info.Size(), r.columns, split, from)
	return err
}

// PollColumns implements connectors.ColumnReader.
func (r *columnReader) PollColumns(limit int, until int64, dst *event.Batch) error {
	if err := r.Read(limit, until, dst); err != nil {
		return err
	}
	for i := range dst.ID {
		dst.ID[i].Hi = uint64(uint32(r.part))
	}
	for c := range r.columns {
		if key := r.columns[c].Metadata; key != "" {
			r.fill(&dst.Cols[c], key, dst)
		}
	}
	return nil
}

// fill fills a metadata column.
func (r *columnReader) fill(v *event.Vec, key string, b *event.Batch) {
	for i := range b.ID {
		switch key {
		case "path":
			v.SetBytes(i, []byte(r.name))
		case "offset":
			v.I64[i] = int64(b.ID[i].Lo)
		case "partition":
			v.I64[i] = int64(r.part)
		}
	}
}

// Close implements connectors.Reader.
func (r *columnReader) Close() error {
	r.Rows.Close()
	return r.file.Close()
}
