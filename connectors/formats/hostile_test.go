package formats

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

// hostile are records that no format should take for a good one, or that are
// good by chance; each format has its own besides.
func hostile(good string) map[string]string {
	records := map[string]string{
		"nothing": "", "spaces": "      ", "NUL": "\x00", "NULs": strings.Repeat("\x00", 1000), "invalid UTF-8": "\xff\xfe\xed\xa0\x80", "BOM": "\xef\xbb\xbf" + good,
		"deep arrays": strings.Repeat("[", 100000), "deep objects": strings.Repeat(`{"a":`, 100000), "digits": strings.Repeat("9", 1<<20), "quotes": strings.Repeat(`"`, 9999),
		"huge text": strings.Repeat("x", 1<<20), "twice": good + good, "ones": strings.Repeat("\xff", 100), "lengths": strings.Repeat("\x7f", 100), "commas": strings.Repeat(",", 100000),
		"NaN": `{"i":NaN,"f":-Infinity}`, "overflow": `{"i":1e400,"f":1e400}`, "null": "null", "keys": `{` + strings.Repeat(`"i":1,`, 10000) + `"i":2}`, "wrong types": `{"i":{},"f":[],"s":7}`,
		"drift": `{"I":"1","new":{"i":1}}`, "escapes": `{"s":"\ud800\udc00\ud800","\u0069":1}`, "line": "1,2\n3,4",
	}
	for i := range good {
		records["truncated at "+string(rune('a'+i%26))+good[:i]] = good[:i]
	}
	return records
}

// TestHostileRecords puts records into every format between two good ones:
// nothing crashes or stalls, and no neighbour changes.
func TestHostileRecords(t *testing.T) {
	columns := []connectors.Column{{Name: "i", Type: event.TInt64}, {Name: "f", Type: event.TFloat64}, {Name: "s", Type: event.TString}}
	const message = `syntax = "proto3"; message M { int64 i = 1; double f = 2; string s = 3; }`
	for name, options := range map[string]map[string]string{
		"json": {}, "csv": {}, "debezium-json": {}, "avro": {}, "protobuf": {"protobuf.schema": message},
	} {
		t.Run(name, func(t *testing.T) {
			options["format"] = name
			table := connectors.Table{Columns: columns, Physical: columns, Options: options}
			good := encodeOne(t, table)
			d, err := NewDecoder(table)
			if err != nil {
				t.Fatal(err)
			}
			for what, record := range hostile(good) {
				checkNeighbours(t, d, columns, what, good, record)
			}
			checkRandom(t, d, columns, good)
		})
	}
}

// encodeOne is a record of the table.
func encodeOne(t *testing.T, table connectors.Table) string {
	t.Helper()
	e, err := NewEncoder(table)
	if err != nil {
		t.Fatal(err)
	}
	b := formattest.Batch(table.Columns)
	b.Reset(1)
	b.Cols[0].Set(0, 1, event.IntValue(7))
	b.Cols[1].Set(0, 1, event.FloatValue(0.5))
	b.Cols[2].Set(0, 1, event.StringValue("text ü"))
	return strings.TrimSuffix(formattest.Encode(t, e, b), "\n")
}

func checkNeighbours(t *testing.T, d connectors.Decoder, columns []connectors.Column, what, good, record string) {
	t.Helper()
	raw := formattest.Raw(good, record, good)
	b := formattest.Batch(columns)
	b.Reset(raw.N())
	rejects, err := d.Decode(raw, b, nil)
	if err != nil {
		t.Fatalf("%.50q: %v", what, err)
	}
	const want = "7 | 0.5 | \"text ü\"\n"
	if first, last := formattest.Row(b, 0), formattest.Row(b, 2); first != want || last != want {
		t.Errorf("%.50q: neighbours: %s%s", what, first, last)
	}
	if len(rejects) > 1 || len(rejects) == 1 && (rejects[0].Row != 1 || rejects[0].Reason == "" || len(rejects[0].Reason) > 1000) {
		t.Errorf("%.50q: %v", what, rejects)
	}
	if len(rejects) == 1 && formattest.Row(b, 1) != "NULL | NULL | NULL\n" {
		t.Errorf("%.50q: rejected, but its row is %s", what, formattest.Row(b, 1))
	}
}

// checkRandom changes bytes of a good record at random.
func checkRandom(t *testing.T, d connectors.Decoder, columns []connectors.Column, good string) {
	t.Helper()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	for range 3000 {
		record := []byte(good)
		for range 1 + r.IntN(3) {
			record[r.IntN(len(record))] = byte(r.Uint32())
		}
		checkNeighbours(t, d, columns, string(record), good, string(record))
	}
	if t.Failed() {
		t.Log("seed", seed)
	}
}
