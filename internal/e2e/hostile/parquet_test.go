package hostile

import (
	"bytes"
	"strings"
	"testing"

	pq "github.com/parquet-go/parquet-go"
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
	options := write(t, "in.parquet", parquetFile(t, records))
	options["format"] = "parquet"
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
