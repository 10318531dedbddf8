package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// TestQueueIsBounded fills a queue until it makes the receiver wait.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1000, func() {})
		put := 0
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			for {
				if err := q.Put(ctx, Message{Offset: int64(put), Value: make([]byte, 436)}); err != nil {
					done <- err
					return
				}
				put++
			}
		}()
		synctest.Wait()
		if put != 3 { // 500 bytes each, and one more
			t.Errorf("%d messages of 500 bytes in a queue of 1000", put)
		}
		var raw connectors.RawBatch
		if err := q.Take(2, -1, &raw); err != nil || raw.N() != 2 || raw.Next != 2 {
			t.Errorf("%d records, next %d, %v", raw.N(), raw.Next, err)
		}
		synctest.Wait()
		if put != 5 {
			t.Errorf("%d messages after two were taken", put)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestQueueUntil(t *testing.T) {
	q := NewQueue(1000, func() {})
	for i := range 3 {
		if err := q.Put(t.Context(), Message{Offset: int64(10 * i), Value: fmt.Append(nil, i), Headers: []byte("h"), Null: i == 1}); err != nil {
			t.Fatal(err)
		}
	}
	q.End(io.EOF)
	q.End(io.ErrUnexpectedEOF)
	var raw connectors.RawBatch
	for _, want := range []int{2, 0} {
		raw.Reset()
		if err := q.Take(5, 20, &raw); err != nil || raw.N() != want {
			t.Errorf("%d records, %v, want %d", raw.N(), err, want)
		}
	}
	raw.Reset()
	if err := q.Take(5, -1, &raw); err != nil || raw.N() != 1 || raw.Offset[0] != 20 {
		t.Errorf("%v %v", raw, err)
	}
	if err := q.Take(5, -1, &raw); err != io.EOF {
		t.Error(err)
	}
}

func TestRoute(t *testing.T) {
	columns := []connectors.Column{{Name: "site", Type: event.TString}, {Name: "n", Type: event.TInt64}}
	b := event.NewBatch(event.NewSchema(event.Field{Name: "site", Type: event.TString}, event.Field{Name: "n", Type: event.TInt64}))
	b.Reset(3)
	for i, s := range []event.Value{event.StringValue("a/b+c"), event.NullValue, event.StringValue("")} {
		b.Cols[0].Set(i, 3, s)
		b.Cols[1].Set(i, 3, event.IntValue(int64(i)))
	}
	for name, want := range map[string]string{
		"plain":           "plain plain plain",
		"x/{site}/y/{N}":  "x/a_b_c/y/0 x/_/y/1 x/_/y/2",
		"{n}":             "0 1 2",
		"{n}{n}":          "00 11 22",
		"{nope}":          "{nope} is no column",
		"x/{site":         "not closed",
		"closing } alone": "closing } alone closing } alone closing } alone",
	} {
		r, err := ParseRoute(name, columns, "/+#")
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = strings.Join([]string{r.Of(b, 0), r.Of(b, 1), r.Of(b, 2)}, " ")
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestRetry waits longer and longer, up to a budget, and not for what does not pass.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		log := slog.New(slog.DiscardHandler)
		tries, start := 0, time.Now()
		err := Retry(t.Context(), log, time.Minute, func(error) bool { return true }, func(context.Context) error { tries++; return down })
		if took := time.Since(start); !errors.Is(err, down) || took < time.Minute || took > time.Minute+mostWait || tries < 12 || tries > 40 {
			t.Errorf("%d attempts in %v: %v", tries, took, err)
		}
		tries = 0
		_ = Retry(t.Context(), log, time.Minute, func(error) bool { return false }, func(context.Context) error { tries++; return down })
		if tries != 1 {
			t.Errorf("%d attempts at what does not pass", tries)
		}
		tries = 0
		err = Retry(t.Context(), log, time.Minute, func(error) bool { return true }, func(context.Context) error {
			if tries++; tries < 3 {
				return down
			}
			return nil
		})
		if err != nil || tries != 3 {
			t.Errorf("%d attempts, %v", tries, err)
		}
	})
}
