package cepd_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"github.com/cepd/cepd"
	"github.com/cepd/cepd/internal/cepdtest"
)

const posted = `CREATE TABLE orders (n BIGINT) WITH ('connector' = 'http', 'format' = 'json');
	CREATE TABLE out (x STRING) WITH ('connector' = 'go'); CREATE QUERY q AS INSERT INTO out SELECT CAST(n AS STRING) FROM orders;`

func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rows)
}

// What was posted is read by queries that come later and after a restart, once.
func TestPost(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	for life, want := range [][]string{{"1", "2", "3"}, {"4", "5"}} {
		e, c := open(t, cepd.Options{DataDir: dir})
		if life == 0 {
			definition, _, _ := strings.Cut(posted, "CREATE TABLE out")
			if _, err := e.Exec(ctx, definition, nil); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second is the first again
				if err := e.Post(ctx, "orders", cepd.Post{Body: []byte(`[{"n":1},{"n":2}]`), Key: "one"}); err != nil {
					t.Fatal(err)
				}
			}
			if err := e.Post(ctx, "orders", cepd.Post{Body: []byte(`{"n":9}`), Key: "one"}); err == nil {
				t.Error("another body with the same key is taken")
			}
			_, rest, _ := strings.Cut(posted, "'json');")
			if _, err := e.Exec(ctx, rest, nil); err != nil {
				t.Fatal(err)
			}
			if err := e.Post(ctx, "ORDERS", cepd.Post{Body: []byte("{\"n\":3}\n"), ContentType: "application/x-ndjson"}); err != nil {
				t.Fatal(err)
			}
		} else {
			if _, err := e.Exec(ctx, posted, nil); err != nil {
				t.Fatal(err)
			}
			if err := e.Post(ctx, "orders", cepd.Post{Body: []byte(`{"n":4}{"n":5}`)}); err != nil {
				t.Fatal(err)
			}
		}
		cepdtest.Await(t, func() bool { return c.count() >= len(want) })
		if err := e.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.rows, want) {
			t.Errorf("life %d: %q", life, c.rows)
		}
		if err := e.Post(ctx, "orders", cepd.Post{Body: []byte(`{"n":6}`)}); err == nil {
			t.Error("posted after the end")
		}
	}
}

func TestPostRefusals(t *testing.T) {
	e, _ := open(t, cepd.Options{})
	ctx := context.Background()
	sql := posted + `CREATE TABLE signed (n BIGINT) WITH ('connector' = 'http', 'format' = 'json', 'http.hmac-secret' = 's');
		CREATE TABLE small (s STRING) WITH ('connector' = 'http', 'format' = 'json', 'http.retention.bytes' = '1048576');`
	if _, err := e.Exec(ctx, sql, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ table, body, want string }{
		{"nobody", "{}", "there is no table"},
		{"out", "{}", "takes 'connector' = 'http'"},
		{"orders", "", "has no record"},
		{"orders", `{"n":1}{"n":"x"}`, "record 2: "},
		{"signed", `{"n":1}`, "signature"},
	} {
		if err := e.Post(ctx, c.table, cepd.Post{Body: []byte(c.body)}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.table, c.body, err)
		}
	}
	if _, err := e.Exec(ctx, "CREATE TABLE held (s STRING) WITH ('connector' = 'go'); INSERT INTO held SELECT s FROM small;", nil); err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	defer close(hold)
	e.On("held", func(cepd.Row) error { <-hold; return nil })
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = e.Post(ctx, "small", cepd.Post{Body: fmt.Appendf(nil, `{"s":"%s"}`, strings.Repeat("x", 50_000))})
	}
	if !errors.Is(err, cepd.ErrFull) {
		t.Error(err)
	}
}

// A table of MQTT goes on from the log of the data directory; what is published while
// the program is away waits with the broker.
func TestReceivedTables(t *testing.T) {
	broker := mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(broker.AddHook(&auth.AllowHook{}, nil), broker.AddListener(listeners.NewNet("t", l)), broker.Serve()); err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	publish := func(n int) {
		if err := broker.Publish("in", fmt.Appendf(nil, `{"n":%d}`, n), false, 1); err != nil {
			t.Fatal(err)
		}
	}
	sql := fmt.Sprintf(`CREATE TABLE readings (n BIGINT) WITH ('connector' = 'mqtt', 'url' = 'mqtt://%s', 'topic' = 'in', 'format' = 'json');
		CREATE TABLE out (x STRING) WITH ('connector' = 'go'); CREATE QUERY q AS INSERT INTO out SELECT CAST(n AS STRING) FROM readings;`, l.Addr())
	dir, ctx := t.TempDir(), context.Background()
	got := map[string]bool{}
	for life := range 2 {
		e, c := open(t, cepd.Options{DataDir: dir, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if _, err := e.Exec(ctx, sql, nil); err != nil {
			t.Fatal(err)
		}
		cepdtest.Await(t, func() bool { return len(broker.Topics.Subscribers("in").Subscriptions) > 0 })
		publish(10 * life)
		publish(10*life + 1)
		all := func() bool { // QoS 1: one may come twice
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, x := range c.rows {
				got[x] = true
			}
			return len(got) == 2+3*life
		}
		cepdtest.Await(t, all)
		if err := e.Close(ctx); err != nil {
			t.Fatal(err)
		}
		publish(10*life + 2)
	}
	for _, n := range []string{"0", "1", "2", "10", "11"} {
		if !got[n] {
			t.Errorf("%s is missing of %v", n, got)
		}
	}
}
