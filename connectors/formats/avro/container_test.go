package avro

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

var containerColumns = []connectors.Column{{Name: "n", Type: event.TInt64, NotNull: true}, {Name: "s", Type: event.TString}, {Name: "d", Type: event.TDecimal(9, 2)}}

const containerSchema = `{"type": "record", "name": "r", "fields": [{"name": "extra", "type": {"type": "array", "items": "null"}}, {"name": "s", "type": ["null", "string"]}, {"name": "n", "type": "long"}]}`

type containerRow struct {
	Extra []any   `avro:"extra"`
	S     *string `avro:"s"`
	N     int64   `avro:"n"`
}

// foreign is a file of the library, with so many rows, so many in a block.
func foreign(t testing.TB, codec ocf.Codec, rows, inBlock int) []byte {
	t.Helper()
	s, err := avro.Parse(containerSchema)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	opts := []ocf.WriterOpt{ocf.WithBlockCount(inBlock), ocf.WithMetadata(map[string][]byte{"who": []byte(strings.Repeat("x", 5000))})}
	if codec != nil {
		opts = append(opts, ocf.WithCodec(codec))
	}
	w, err := ocf.NewWriter(&out, s, opts...)
	if err != nil {
		t.Fatal(err)
	}
	for n := range rows {
		row := containerRow{Extra: make([]any, n%3), N: int64(n)}
		if text := strings.Repeat(fmt.Sprint(n), n%5+1); n%4 > 0 {
			row.S = &text
		}
		if err := w.Encode(&row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// rowsOf reads a file with random cuts, opened again at times, and bounds as those of
// a journal.
func rowsOf(t testing.TB, rng *rand.Rand, file []byte, columns []connectors.Column) (rows []string) {
	t.Helper()
	b := formattest.Batch(columns)
	for from := int64(0); ; {
		r, err := OpenContainer(bytes.NewReader(file), int64(len(file)), columns, none, from)
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + rng.IntN(40) {
			until := int64(-1)
			if rng.IntN(2) == 0 {
				until = r.Position() + rng.Int64N(20)
			}
			if err = r.Read(1+rng.IntN(30), until, b); err != nil {
				break
			}
			rejects := r.Rejects()
			for i := range b.N {
				row := fmt.Sprintf("%d: %s", b.ID[i].Lo, formattest.Row(b, i))
				if len(rejects) > 0 && int(rejects[0].Row) == i {
					row, rejects = fmt.Sprintf("%d: REJECTED %s", b.ID[i].Lo, rejects[0].Reason), rejects[1:]
				}
				rows = append(rows, row)
			}
			if until >= 0 && r.Position() > max(until, from) && len(r.Rejects()) == 0 { // what is damaged is passed as a whole
				t.Fatalf("position %d is behind %d", r.Position(), until)
			}
		}
		from = r.Position()
		r.Close()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func none(string) string { return "" }

// TestForeignContainers reads what the library writes, with each codec.
func TestForeignContainers(t *testing.T) {
	zstd, err := ocf.ZstdCodec(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, codec := range map[string]ocf.Codec{"null": nil, "deflate": ocf.DeflateCodec(6), "snappy": ocf.SnappyCodec(), "zstandard": zstd} {
		for seed := range uint64(3) {
			rng := rand.New(rand.NewPCG(seed, 1))
			got := rowsOf(t, rng, foreign(t, codec, 500, 1+rng.IntN(90)), containerColumns)
			if len(got) != 500 || got[7] != "7: 7 | \"777\" | NULL\n" || got[4] != "4: 4 | NULL | NULL\n" {
				t.Errorf("%s: %d rows: %q", name, len(got), got[:min(8, len(got))])
			}
		}
	}
}

// TestContainerRoundTrip has the library, and the reader, read what the writer writes.
func TestContainerRoundTrip(t *testing.T) {
	columns := []connectors.Column{{Name: "n", Type: event.TInt64}, {Name: "s", Type: event.TString}}
	for _, codec := range []string{codecNull, codecDeflate, codecSnappy, codecZstd} {
		c, err := NewContainer(columns, func(key string) string { return map[string]string{OptCodec: codec}[key] })
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w, err := c.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		b := formattest.Batch(columns)
		for at := 0; at < 5000; at += 1000 {
			b.Reset(1000)
			for i := range 1000 {
				b.Cols[0].Set(i, 1000, event.IntValue(int64(at+i)))
				b.Cols[1].Set(i, 1000, event.StringValue(strings.Repeat(fmt.Sprint(at+i), 10)))
			}
			if err := w.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := rowsOf(t, rand.New(rand.NewPCG(1, 1)), out.Bytes(), columns); len(got) != 5000 || !strings.HasPrefix(got[4999], "4999: 4999 | ") {
			t.Errorf("%s: %d rows", codec, len(got))
		}
		r, err := ocf.NewReader(&out)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for ; ; n++ {
			var row struct {
				N *int64  `avro:"n"`
				S *string `avro:"s"`
			}
			if err := r.Decode(&row); err == io.EOF {
				break
			} else if err != nil || *row.N != n {
				t.Fatalf("%s: row %d: %+v, %v", codec, n, row, err)
			}
		}
		if n != 5000 {
			t.Errorf("%s: the library reads %d rows", codec, n)
		}
	}
}

// TestDamagedContainers cuts files off, and changes their bytes: rows before the damage
// are there, and the file is read to the same end however it is cut into batches.
func TestDamagedContainers(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var codec ocf.Codec
		if rng.IntN(2) == 0 {
			codec = ocf.SnappyCodec()
		}
		file := foreign(t, codec, 100, 10)
		sound := rowsOf(t, rng, file, containerColumns)
		if rng.IntN(3) == 0 {
			file = file[:rng.IntN(len(file))]
		} else {
			file[rng.IntN(len(file))] ^= 1 << rng.IntN(8)
		}
		got, again := rowsOf(t, rng, file, containerColumns), rowsOf(t, rng, file, containerColumns)
		if !slices.Equal(got, again) {
			t.Fatalf("seed %d: %q, then %q", seed, got, again)
		}
		if len(got) > len(sound)+1 && !strings.Contains(strings.Join(got, ""), "REJECTED") {
			t.Fatalf("seed %d: %d rows", seed, len(got))
		}
	}
}

// container is a file of bytes that a test makes up.
func container(schema, codec string, blocks ...[]byte) []byte {
	p := slices.Clone(containerMagic)
	p = binary.AppendVarint(p, 2)
	for _, text := range []string{"avro.schema", schema, "avro.codec", codec} {
		p = append(binary.AppendVarint(p, int64(len(text))), text...)
	}
	p = append(binary.AppendVarint(p, 0), make([]byte, markerLen)...)
	for _, b := range blocks {
		p = append(p, b...)
	}
	return p
}

// claim is a block that says so many records and bytes.
func claim(rows, size int64, content []byte) []byte {
	p := binary.AppendVarint(binary.AppendVarint(nil, rows), size)
	return append(append(p, content...), make([]byte, markerLen)...)
}

// TestHostileContainers reads files that say too much of themselves, with little
// memory.
func TestHostileContainers(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(400 << 20))
	bomb := bytes.Repeat([]byte{0}, maxBlock+1)
	deflated, err := ocf.DeflateCodec(9).Compress(bomb)
	if err != nil {
		t.Fatal(err)
	}
	snapped := append(binary.AppendUvarint(nil, 1<<31), 0, 0, 0, 0, 0)
	nulls := `{"type": "record", "name": "r", "fields": [{"name": "n", "type": {"type": "array", "items": "null"}}]}`
	items := bytes.Repeat(append(binary.AppendVarint(nil, 1<<19), 0), 1000)
	deep := strings.Repeat(`{"type": "array", "items": `, 30_000) + `"null"` + strings.Repeat("}", 30_000)
	laughs := `"int"`
	for i := 30; i >= 0; i-- { // each is there twice in the one before it
		again := fmt.Sprintf(`"r%d"`, i+1)
		if i == 30 {
			again = `"int"`
		}
		laughs = fmt.Sprintf(`{"type": "record", "name": "r%d", "fields": [{"name": "a", "type": %s}, {"name": "b", "type": %s}]}`, i, laughs, again)
	}
	for name, x := range map[string]struct {
		file []byte
		want string
	}{
		"empty":             {nil, "does not end"},
		"other":             {[]byte("PAR1 and more of it"), "no Avro container file"},
		"header":            {append(slices.Clone(containerMagic), 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "its header has a text"},
		"entries":           {append(binary.AppendVarint(slices.Clone(containerMagic), 1<<60), 2, 'x', 0), "does not end"},
		"no schema":         {append(append(slices.Clone(containerMagic), 0), make([]byte, markerLen)...), "no schema"},
		"bad schema":        {container(`{"type": "what"}`, ""), "its schema"},
		"deep schema":       {container(deep, ""), "its schema"},
		"large schema":      {container(strings.Repeat(" ", 2<<20), ""), "its header has a text"},
		"schema of schemas": {container(laughs, "null", claim(1, 1, []byte{0})), ""},
		"codec":             {container(containerSchema, "lzo"), "codec 'lzo' is not supported"},
		"long block":        {container(containerSchema, "null", claim(1, 1<<60, nil)), "more than"},
		"behind the end":    {container(containerSchema, "null", claim(1, 1<<20, nil)), "goes on behind the end"},
		"negative":          {container(containerSchema, "null", claim(-5, 3, nil)), "more than"},
		"many records":      {container(containerSchema, "null", claim(1<<25, 3, []byte{0, 0, 0})), "it says that it has 33554432 records, in 3 bytes"},
		"marker":            {append(container(containerSchema, "null", claim(1, 3, []byte{0, 0, 0})[:5]), make([]byte, 12)...), "goes on behind"},
		"deflate bomb":      {container(containerSchema, "deflate", claim(1, int64(len(deflated)), deflated)), "limit"},
		"snappy bomb":       {container(containerSchema, "snappy", claim(1, int64(len(snapped)), snapped)), "limit"},
		"nulls":             {container(nulls, "null", claim(1000, int64(len(items)), items)), "more items"},
	} {
		columns := containerColumns[:1]
		if name == "nulls" {
			columns = []connectors.Column{{Name: "n", Type: event.Type{Kind: event.Array, Elem: &event.Type{Kind: event.String}}}}
		}
		got := rowsOf(t, rand.New(rand.NewPCG(1, 3)), x.file, columns)
		if len(got) == 0 || !strings.Contains(got[0], "REJECTED") || !strings.Contains(got[0], x.want) {
			t.Errorf("%s: %.300q, want %q", name, got, x.want)
		}
	}
}
