package hostile

import (
	"bytes"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
)

// checkParquet puts the corpus into the text of a Parquet file's rows. A
// connector of records refuses the format.
func checkParquet(t *testing.T, connector string, way feeder) {
	text := newBed(t, "json")
	records := text.records(t, false)
	b := newBed(t, "parquet")
	if connector != "file" && connector != "filesystem" {
		options := way.feed(t, b, nil)
		if options == nil {
			options = map[string]string{}
		}
		options["format"] = "parquet"
		if _, err := b.start(t, connector, options); err == nil || !strings.Contains(err.Error(), "is of files") {
			t.Errorf("%v", err)
		}
		return
	}
	b.readFile(t, connector, records, parquetFile(t, records))
}

// checkContainer puts the corpus into the text of the rows of an Avro container file.
func checkContainer(t *testing.T, connector string) {
	records := newBed(t, "json").records(t, false)
	s, err := avro.Parse(`{"type": "record", "name": "r", "fields": [{"name": "i", "type": "long"}, {"name": "f", "type": "double"}, {"name": "s", "type": "bytes"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := ocf.NewWriter(&out, s, ocf.WithBlockCount(len(records)/3))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		if i%2 == 0 {
			r = []byte(neighbour(i / 2))
		}
		if err := w.Encode(map[string]any{"i": int64(i / 2), "f": 0.5, "s": r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	newBed(t, "avro").readFile(t, connector, records, out.Bytes())
}

// readFile reads a file of the format and checks what becomes of its rows.
func (b *bed) readFile(t *testing.T, connector string, records [][]byte, content []byte) {
	t.Helper()
	options := write(t, "in."+b.format, content)
	options["format"] = b.format
	q, err := b.start(t, connector, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	b.check(t, q, records, false)
}

// parquetFile has the records as texts; every other one is good.
func parquetFile(t *testing.T, records [][]byte) []byte {
	t.Helper()
	type row struct {
		I int64   `parquet:"i"`
		F float64 `parquet:"f"`
		S []byte  `parquet:"s"`
	}
	rows := make([]row, len(records))
	for i, r := range records {
		rows[i] = row{int64(i / 2), 0.5, r}
		if i%2 == 0 {
			rows[i].S = []byte(neighbour(i / 2))
		}
	}
	var out bytes.Buffer
	w := pq.NewGenericWriter[row](&out, pq.MaxRowsPerRowGroup(int64(len(rows)/3)))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
