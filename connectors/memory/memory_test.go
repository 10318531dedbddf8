package memory

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

var columns = []connectors.Column{
	{Name: "a", Type: event.TInt64}, {Name: "b", Type: event.TString},
	{Name: "c", Type: event.Type{Kind: event.Array, Elem: &event.TInt64}},
}

func rows(from, n int) *event.Batch {
	b := formattest.Batch(columns)
	b.Reset(n)
	for i := range n {
		b.Cols[0].Set(i, n, event.IntValue(int64(from+i)))
		b.Cols[1].Set(i, n, event.StringValue("x"))
		b.Cols[2].Set(i, n, event.Value{L: []event.Value{event.IntValue(1), event.NullValue}})
	}
	return b
}

func open(t *testing.T, s *Store, cols []connectors.Column, from int64, ready func()) connectors.ColumnReader {
	t.Helper()
	src, err := New(s).Source(connectors.Table{Name: "t", Columns: cols})
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Open(context.Background(), 0, from, ready)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r.(connectors.ColumnReader)
}

func TestColumnsAndJSONInOrder(t *testing.T) {
	s := NewStore(0)
	in := s.Table("t")
	b := rows(0, 4)
	b.Sel = []int32{1, 3}
	for _, err := range []error{in.Append(b), in.AppendJSON(`{"a":10,"c":[7]}`, `{"b":"q\n"}`), in.Append(rows(20, 1))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	in.Close()
	want := []string{`1 | "x" | [1, NULL]`, `3 | "x" | [1, NULL]`, `10 | NULL | [7]`, `NULL | "q\n" | NULL`, `20 | "x" | [1, NULL]`}
	for from := range want {
		r := open(t, s, columns, int64(from), func() {})
		dst := formattest.Batch(columns)
		var got []string
		for {
			err := r.PollColumns(2, -1, dst)
			if err == io.EOF {
				break
			}
			if err != nil || dst.N == 0 {
				t.Fatal(dst.N, err)
			}
			for i := range dst.N {
				if dst.ID[i].Lo != uint64(from+len(got)) {
					t.Errorf("ID %v", dst.ID[i])
				}
				got = append(got, strings.TrimSpace(formattest.Row(dst, i)))
			}
		}
		if strings.Join(got, "\n") != strings.Join(want[from:], "\n") {
			t.Errorf("from %d: %q", from, got)
		}
	}
}

func TestReadyAndUntil(t *testing.T) {
	s := NewStore(0)
	calls := 0
	r := open(t, s, columns[:1], connectors.Start, func() { calls++ })
	dst := formattest.Batch(columns[:1])
	if err := r.PollColumns(10, -1, dst); err != nil || dst.N != 0 {
		t.Fatal(dst.N, err)
	}
	_ = s.Table("t").AppendJSON(`{"a":1}`, `{"a":2}`)
	if err := r.PollColumns(10, 1, dst); err != nil || dst.N != 1 || calls != 1 {
		t.Fatal(dst.N, err, calls)
	}
	s.Table("t").Close()
	if err := r.PollColumns(10, -1, dst); err != nil || dst.N != 1 || calls != 2 || r.End() != 2 {
		t.Fatal(dst.N, err, calls)
	}
	if err := r.PollColumns(10, -1, dst); err != io.EOF {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	s := NewStore(3)
	tab := s.Table("t")
	if err := tab.Append(rows(0, 4)); err == nil || !strings.Contains(err.Error(), "keeps 3 rows") {
		t.Error(err)
	}
	if err := tab.AppendJSON(`{"a":"no"}`); err != nil {
		t.Fatal(err)
	}
	dst := formattest.Batch(columns)
	r := open(t, s, columns, 0, func() {})
	if err := r.PollColumns(1, -1, dst); err != nil {
		t.Fatal(err)
	}
	if rejects := r.(connectors.Rejecter).Rejects(); len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "field a") {
		t.Error(rejects)
	}
	src, _ := New(s).Source(connectors.Table{Name: "t", Columns: columns})
	if _, err := src.Open(context.Background(), 0, 9, nil); err == nil {
		t.Error("opened after the end")
	}
	if err := tab.Append(rows(0, 1)); err != nil {
		t.Fatal(err)
	}
	other := []connectors.Column{{Name: "z", Type: event.TInt64}}
	if err := open(t, s, other, 1, func() {}).PollColumns(1, -1, formattest.Batch(other)); err == nil {
		t.Error("read a column that is not there")
	}
	if err := tab.Append(formattest.Batch(other)); err == nil {
		t.Error("wrote a column that is not there")
	}
	tab.Close()
	if err := tab.AppendJSON(`{}`); err == nil {
		t.Error("appended to a closed table")
	}
}

func TestSinkKeepsRowsAfterTheBatch(t *testing.T) {
	s := NewStore(0)
	sink, err := New(s).Sink(connectors.Table{Name: "x", Options: map[string]string{"name": "out"}})
	if err != nil {
		t.Fatal(err)
	}
	b := rows(5, 2)
	if err := sink.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	copy(b.Cols[1].Buf, "zz")
	fields, got := s.Table("out").Rows()
	if len(fields) != 3 || len(got) != 2 || got[1][0].I != 6 || string(got[0][1].S) != "x" || len(got[0][2].L) != 2 {
		t.Errorf("%v %v", fields, got)
	}
}

func TestManyWriters(t *testing.T) {
	s := NewStore(0)
	var wg sync.WaitGroup
	ready := make(chan struct{}, 1)
	r := open(t, s, columns[:1], 0, func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	})
	for range 4 {
		wg.Go(func() {
			for i := range 100 {
				if err := s.Table("t").Append(rows(i, 1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { wg.Wait(); s.Table("t").Close() }()
	n, dst := 0, formattest.Batch(columns[:1])
	for {
		err := r.PollColumns(64, -1, dst)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n += dst.N; dst.N == 0 {
			<-ready
		}
	}
	if n != 400 {
		t.Errorf("%d rows", n)
	}
}
