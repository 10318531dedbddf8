package filesystem

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/state/memstore"
)

// carriedOf is what a savepoint has of a source whose partitions are at these places.
func carriedOf(t *testing.T, s connectors.Source, at []int64) (pieces [][]byte) {
	t.Helper()
	if err := s.(connectors.Carried).Carry(at, func(piece []byte) error { pieces = append(pieces, slices.Clone(piece)); return nil }); err != nil {
		t.Fatal(err)
	}
	return pieces
}

// TestListIsCarried goes on in another data directory, over the same folder, in which
// files have appeared whose names come before all others.
func TestListIsCarried(t *testing.T) {
	bySeed(t, 10, func(rng *rand.Rand) {
		dir := t.TempDir()
		for i := range 20 {
			put(t, dir, fmt.Sprintf("m%02d.csv", i), strings.Repeat(fmt.Sprintf("%d\n", i), 30))
		}
		parts := 1 + rng.IntN(3)
		table := lakeTable(dir, columns[:1], optParallelism, fmt.Sprint(parts))
		table.Durable = true
		want := make([][]string, parts)
		first, at := openSource(t, table, logsIn(t, memstore.New())), make([]int64, parts)
		for p := range parts {
			r, err := openReading(t, first, table, int32(p), connectors.Start)
			if err != nil {
				t.Fatal(err)
			}
			for range rng.IntN(20) {
				if _, err := r.poll(1+rng.IntN(20), -1); err != nil {
					t.Fatal(err)
				}
			}
			at[p] = r.reader.Position()
			read := len(r.rows)
			if err := r.toEnd(100); err != nil {
				t.Fatal(err)
			}
			want[p] = r.rows[read:]
		}
		pieces := carriedOf(t, first, at)
		put(t, dir, "a.csv", "1000\n")
		store := memstore.New()
		for range 2 { // the second time as after a crash
			second := openSource(t, table, logsIn(t, store))
			second.(connectors.Carried).Adopt(pieces)
			news := 0
			for p := range parts {
				r, err := openReading(t, second, table, int32(p), at[p])
				if err != nil {
					t.Fatal(err)
				}
				if err := r.toEnd(100); err != nil {
					t.Fatal(err)
				}
				got := slices.DeleteFunc(r.rows, func(x string) bool { return strings.HasSuffix(x, " 1000") })
				if news += len(r.rows) - len(got); !slices.Equal(got, want[p]) {
					t.Errorf("partition %d: %d rows, want %d: %s", p, len(got), len(want[p]), differ(got, want[p]))
				}
			}
			if news != 1 {
				t.Errorf("the new file gave %d rows", news)
			}
			if err := second.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestCarriedRefusals: a list that is there already must be the same as far as it was
// read, and needs to be no more than that.
func TestCarriedRefusals(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "c", "d"} {
		put(t, dir, name+".csv", "1\n2\n")
	}
	table := lakeTable(dir, columns[:1])
	table.Durable = true
	source := openSource(t, table, logsIn(t, memstore.New()))
	if _, err := openReading(t, source, table, 0, connectors.Start); err != nil {
		t.Fatal(err)
	}
	none, some := carriedOf(t, source, []int64{0}), carriedOf(t, source, []int64{1<<recordBits | 2})
	put(t, dir, "a.csv", "0\n")
	logs := logsIn(t, memstore.New())
	other := openSource(t, table, logs)
	if _, err := openReading(t, other, table, 0, connectors.Start); err != nil {
		t.Fatal(err)
	}
	wider := table
	wider.Options = map[string]string{"connector": "filesystem", "path": dir, "format": "csv", optParallelism: "2"}
	for _, x := range []struct {
		table  connectors.Table
		pieces [][]byte
		want   string
	}{
		{table, none, ""},
		{table, some, "file 0 of the table is a.csv here, as other queries read it, and was b.csv"},
		{wider, some, "in 1 partitions when the savepoint was made, and not in 2"},
		{table, [][]byte{[]byte("{")}, "damaged"},
		{table, [][]byte{some[0], []byte("[7]")}, "damaged"},
		{table, append(slices.Clone(some), []byte("[7]")), "damaged"},
	} {
		l := logs
		if x.table.Options[optParallelism] != "" {
			l = logsIn(t, memstore.New())
		}
		s := openSource(t, x.table, l)
		s.(connectors.Carried).Adopt(x.pieces)
		if _, err := openReading(t, s, x.table, 0, 0); fmt.Sprint(err) != "<nil>" && x.want == "" || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%v, want %q", err, x.want)
		}
	}
}
