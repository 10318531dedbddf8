package formats

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
)

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
			records, err := hostile.Records([]byte(good))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				checkNeighbours(t, d, columns, r.Name, good, string(r.Data))
			}
			checkRandom(t, d, columns, good)
		})
	}
}

// encodeOne is a record of the table.
func encodeOne(t testing.TB, table connectors.Table) string {
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

// FuzzNeighbours puts any bytes between two good records of each format that
// needs no registry.
func FuzzNeighbours(f *testing.F) {
	columns := []connectors.Column{{Name: "i", Type: event.TInt64}, {Name: "f", Type: event.TFloat64}, {Name: "s", Type: event.TString}}
	type coded struct {
		name    string
		decoder connectors.Decoder
		good    string
	}
	var all []coded
	for _, name := range []string{"json", "csv", "debezium-json", "avro", "protobuf"} {
		table := connectors.Table{Columns: columns, Physical: columns, Options: map[string]string{"format": name,
			"protobuf.schema": `syntax = "proto3"; message M { int64 i = 1; double f = 2; string s = 3; }`}}
		d, err := NewDecoder(table)
		if err != nil {
			f.Fatal(err)
		}
		good := encodeOne(f, table)
		records, err := hostile.Records([]byte(good))
		if err != nil {
			f.Fatal(err)
		}
		for _, r := range records {
			if len(r.Data) < 1000 {
				f.Add(uint8(len(all)), r.Data)
			}
		}
		all = append(all, coded{name, d, good})
	}
	f.Fuzz(func(t *testing.T, format uint8, record []byte) {
		c := &all[int(format)%len(all)]
		checkNeighbours(t, c.decoder, columns, c.name, c.good, string(record))
	})
}
