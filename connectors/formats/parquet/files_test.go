package parquet_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	pq "github.com/parquet-go/parquet-go"
)

type scalars struct {
	Bool  bool      `parquet:"b"`
	I32   int32     `parquet:"i32"`
	I64   *int64    `parquet:"i64,optional"`
	U32   uint32    `parquet:"u32"`
	U64   uint64    `parquet:"u64"`
	F32   float32   `parquet:"f32"`
	F64   float64   `parquet:"f64"`
	Text  *string   `parquet:"text,optional,dict,zstd"`
	Raw   []byte    `parquet:"raw"`
	ID    [16]byte  `parquet:"id,uuid"`
	Day   int32     `parquet:"day,date"`
	Clock int64     `parquet:"clock,time(microsecond)"`
	Milli time.Time `parquet:"milli,timestamp(millisecond)"`
	Nano  int64     `parquet:"nano,timestamp(nanosecond)"`
	Price int64     `parquet:"price,decimal(2:12)"`
	Big   [16]byte  `parquet:"big,decimal(3:38)"`
}

type point struct {
	X int64   `parquet:"x"`
	Y *string `parquet:"y,optional"`
}

type nested struct {
	N      int64            `parquet:"n"`
	At     *point           `parquet:"at,optional"`
	Tags   []string         `parquet:"tags,list"`
	Path   []point          `parquet:"path,list"`
	Grid   [][]int64        `parquet:"grid,list"`
	Labels map[string]int64 `parquet:"labels"`
	Bare   []int32          `parquet:"bare"`
}

type grouped struct {
	N int64   `parquet:"n"`
	S *string `parquet:"s,optional,dict"`
}

func of[T any](x T) *T { return &x }

// testFiles are the files of testdata/read. foreign.parquet was written by
// another library, as testdata/foreign.py says.
func testFiles(t testing.TB) map[string][]byte {
	t.Helper()
	foreign, err := os.ReadFile(filepath.Join("testdata", "foreign.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	groups := groupsFile(t)
	return map[string][]byte{
		"scalars": file(t, scalarRows()), "nested": file(t, nestedRows()), "groups": groups, "foreign": foreign,
		"empty": file(t, []grouped{}), "torn": groups[:len(groups)-20], "nothing": {}, "text": []byte("this is no file of that kind"),
		"damaged": damagedGroup(groups),
	}
}

func scalarRows() []scalars {
	at := time.Date(2026, 3, 2, 9, 0, 1, 500e6, time.UTC)
	return []scalars{
		{true, -7, of(int64(1) << 40), 4_000_000_000, 5, 0.5, -1e300, of("text ü"), []byte{0, 255}, [16]byte{1, 2, 15: 9},
			20_514, 3_600_000_000, at, at.UnixNano() + 999, -12_345, [16]byte{14: 1, 15: 0}},
		{false, 300, nil, 1, math.MaxUint64, 1, 2, nil, []byte("plain"), [16]byte{},
			0, 0, time.UnixMilli(-1), -1, 7, [16]byte{0: 255, 1: 255, 2: 255, 3: 255, 4: 255, 5: 255, 6: 255, 7: 255, 8: 255, 9: 255, 10: 255, 11: 255, 12: 255, 13: 255, 14: 255, 15: 255}},
		{false, 0, of(int64(-1)), 0, 0, 0, 0, of(string([]byte{'a', 0xff})), nil, [16]byte{}, -1, 86_399_999_999, time.UnixMilli(0), 0, 0, [16]byte{}},
	}
}

func nestedRows() []nested {
	return []nested{
		{1, &point{1, of("a")}, []string{"red", "blue"}, []point{{1, nil}, {2, of("b")}}, [][]int64{{1, 2}, {}, {3}}, map[string]int64{"k": 9}, []int32{4, 5}},
		{2, nil, nil, nil, nil, nil, nil},
		{3, &point{2, nil}, []string{""}, []point{{3, of("c")}}, [][]int64{{}}, map[string]int64{}, []int32{6}},
	}
}

// groupsFile has five row groups with four rows.
func groupsFile(t testing.TB) []byte {
	t.Helper()
	var rows []grouped
	for i := range 20 {
		r := grouped{N: int64(i)}
		if i%3 != 0 {
			r.S = of([]string{"north", "south"}[i%2])
		}
		rows = append(rows, r)
	}
	return file(t, rows, pq.MaxRowsPerRowGroup(4), pq.Compression(&pq.Snappy))
}

// damagedGroup is the file with other bytes in the second row group.
func damagedGroup(data []byte) []byte {
	f, err := pq.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		panic(err)
	}
	data = bytes.Clone(data)
	chunk := f.Metadata().RowGroups[1].Columns[0].MetaData
	for i := range chunk.TotalCompressedSize {
		data[chunk.DataPageOffset+i] = 0xee
	}
	return data
}
