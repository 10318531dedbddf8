package parquet_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/internal/event"
)

// TestEmptyRowGroup reads a file with a row group without rows, as some writers
// leave it: reading does not end there, nor wait.
func TestEmptyRowGroup(t *testing.T) {
	columns := []connectors.Column{{Name: "n", Type: event.TInt64}, {Name: "s", Type: event.TString}}
	whole := testFiles(t)["groups"]
	data := described(t, whole, func(m *format.FileMetaData) {
		empty := m.RowGroups[1]
		empty.NumRows = 0
		m.RowGroups = slices.Insert(m.RowGroups, 1, empty, empty)
		for i := range m.RowGroups {
			m.RowGroups[i].Ordinal = int16(i)
		}
	})
	read := func(data []byte) string {
		in, err := parquet.Open(bytes.NewReader(data), int64(len(data)), columns, 0, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		return rest(t, in, columns, 3)
	}
	if got, want := read(data), read(whole); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	readDamaged(t, data, columns)
}

// described is a file that says something else of itself.
func described(t *testing.T, data []byte, change func(*format.FileMetaData)) []byte {
	t.Helper()
	end := len(data) - 8
	begin := end - int(binary.LittleEndian.Uint32(data[end:]))
	var m format.FileMetaData
	protocol := new(thrift.CompactProtocol)
	if err := thrift.Unmarshal(protocol, data[begin:end], &m); err != nil {
		t.Fatal(err)
	}
	change(&m)
	text, err := thrift.Marshal(protocol, &m)
	if err != nil {
		t.Fatal(err)
	}
	out := append(bytes.Clone(data[:begin]), text...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(text))), "PAR1"...)
}
