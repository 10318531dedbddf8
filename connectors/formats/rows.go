package formats

import (
	"fmt"
	"io"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/avro"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/event"
)

// File is the connector of files that are read one by one.
const File = "file"

// Rows are those of a file that is no list of lines.
type Rows interface {
	// Read replaces dst by the next rows: at most limit, none with the number until or
	// more (until < 0: no limit), and their numbers as IDs. io.EOF: there are none left.
	Read(limit int, until int64, dst *event.Batch) error
	// Rejects are the rows of the last Read that could not be made: they are NULL.
	Rejects() []connectors.Reject
	// Position is the number of the next row, End that after the last; -1: not known.
	Position() int64
	End() int64
	// Done is how much has been read, and of what.
	Done() (part, whole int64)
	Close()
}

// Columnar says whether a table's files are read as rows, without a Decoder.
func Columnar(t connectors.Table) bool {
	f, _, err := choice(t)
	return err == nil && (f.name == parquet.Name || f.name == avro.Plain && isFiles(t))
}

func isFiles(t connectors.Table) bool {
	return t.Options["connector"] == File || t.Options["connector"] == Filesystem
}

// Splits is how many partitions a file of a table is.
func Splits(t connectors.Table) int {
	if f, _, err := choice(t); err == nil && f.name == parquet.Name {
		return parquet.Splits(t)
	}
	return 1
}

// OpenRows opens a file of a table, or a split of it, at a row. The columns may be
// fewer than the table's.
func OpenRows(t connectors.Table, in io.ReaderAt, size int64, columns []connectors.Column, split int, from int64) (Rows, error) {
	f, get, err := choice(t)
	switch {
	case err != nil:
		return nil, err
	case f.name == parquet.Name:
		return result[Rows](parquet.Open(in, size, columns, split, parquet.Splits(t), from))
	case f.name == avro.Plain:
		return result[Rows](avro.OpenContainer(in, size, columns, get, from))
	}
	return nil, fmt.Errorf("files in format '%s' have no rows", f.name)
}

// CheckRows checks the options of a table that is read so.
func CheckRows(t connectors.Table) error {
	f, get, err := choice(t)
	if err == nil && f.name == avro.Plain {
		err = avro.CheckContainer(t.Columns, get)
	}
	return err
}
