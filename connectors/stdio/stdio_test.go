package stdio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

func table(in io.Reader, out io.Writer) connectors.Table {
	return connectors.Table{
		Stdin: in, Stdout: out, Options: map[string]string{"format": "json"},
		Columns: []connectors.Column{{Name: "a", Type: event.TInt64}},
	}
}

func open(t *testing.T, in io.Reader, from int64, ready func()) connectors.RawReader {
	t.Helper()
	s, err := NewStdin().Source(table(in, nil))
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(context.Background(), 0, from, ready)
	if err != nil {
		t.Fatal(err)
	}
	return r.(connectors.RawReader)
}

// drain polls until the end, waiting for ready whenever there is nothing.
func drain(t *testing.T, r connectors.RawReader, limit int, ready chan struct{}) (lines []string, err error) {
	t.Helper()
	var b connectors.RawBatch
	for {
		if err := r.Poll(limit, -1, &b); err != nil {
			return lines, err
		}
		if b.N() == 0 {
			<-ready
		}
		for i, s := range b.Value {
			lines = append(lines, fmt.Sprintf("%d %s", b.Offset[i], b.Buf[s.Off:s.Off+s.Len]))
		}
	}
}

// trickle gives its text in small pieces, then an error.
type trickle struct {
	text string
	err  error
}

func (r *trickle) Read(p []byte) (int, error) {
	if r.text == "" {
		return 0, r.err
	}
	n := copy(p[:min(3, len(p))], r.text)
	r.text = r.text[n:]
	return n, nil
}

func TestStdinGivesEveryRecord(t *testing.T) {
	var text strings.Builder
	var want []string
	for i := range 5000 {
		fmt.Fprintf(&text, "{\"a\":%d}\n", i)
		want = append(want, fmt.Sprintf("%d {\"a\":%d}", 100+i, i))
	}
	broken := errors.New("broken")
	for _, end := range []error{io.EOF, broken} {
		synctest.Test(t, func(t *testing.T) {
			ready := make(chan struct{}, 1)
			r := open(t, &trickle{text.String(), end}, 100, func() {
				select {
				case ready <- struct{}{}:
				default:
				}
			})
			got, err := drain(t, r, 64, ready)
			if strings.Join(got, "\n") != strings.Join(want, "\n") || !errors.Is(err, end) {
				t.Errorf("%d records, %v", len(got), err)
			}
			if _, again := drain(t, r, 64, ready); !errors.Is(again, end) {
				t.Errorf("then %v", again)
			}
			_ = r.Close()
		})
	}
}

// TestStdinStopsReadingAhead also shows that no goroutine is left: synctest
// fails when one is.
func TestStdinStopsReadingAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		var mu sync.Mutex
		calls := 0
		r := open(t, in, 0, func() { mu.Lock(); calls++; mu.Unlock() })
		var b connectors.RawBatch
		if err := r.Poll(10, -1, &b); err != nil || b.N() != 0 {
			t.Fatal(b.N(), err)
		}
		written := 0
		go func() {
			for {
				if _, err := out.Write([]byte("{}\n")); err != nil {
					return
				}
				mu.Lock()
				written++
				mu.Unlock()
			}
		}()
		synctest.Wait()
		mu.Lock()
		if calls != blocks || written > blocks+1 {
			t.Errorf("%d records read ahead, ready called %d times", written, calls)
		}
		mu.Unlock()
		for want := range int64(50) {
			if err := r.Poll(10, want+1, &b); err != nil || b.N() != 1 || b.Offset[0] != want {
				t.Fatal(b.Offset, err)
			}
			synctest.Wait()
		}
		_ = r.Close()
		_ = r.Close()
		_ = in.Close()
	})
}

func TestStdout(t *testing.T) {
	var out bytes.Buffer
	c := NewStdout()
	s, err := c.Sink(table(nil, &out))
	if err != nil {
		t.Fatal(err)
	}
	b := formattest.Batch(table(nil, nil).Columns)
	b.Reset(3)
	for i := range 3 {
		b.Cols[0].Set(i, 3, event.IntValue(int64(i)))
	}
	b.Sel = []int32{1, 2}
	for range 2 {
		if err := s.Write(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	if want := "{\"a\":1}\n{\"a\":2}\n{\"a\":1}\n{\"a\":2}\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
	if _, err := c.Source(table(nil, nil)); !errors.Is(err, connectors.ErrNotSource) {
		t.Error(err)
	}
	if _, err := NewStdin().Sink(table(nil, nil)); !errors.Is(err, connectors.ErrNotSink) {
		t.Error(err)
	}
}
