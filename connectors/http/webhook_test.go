package http

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/listentest"
)

// received is a request that came.
type received struct{ method, uri, key, body, signature, kind string }

// receiver is a service. What it does with the n-th request that comes for a row is
// a list; behind it, all are taken.
type receiver struct {
	t      *testing.T
	server *httptest.Server
	faults map[string][]string // by id: hang, cut, or a status, with Retry-After behind a space
	stop   chan struct{}

	mu    sync.Mutex
	tries map[string]int
	all   []received
	taken []received
}

func newReceiver(t *testing.T, faults map[string][]string) *receiver {
	r := &receiver{t: t, faults: faults, tries: map[string]int{}, stop: make(chan struct{})}
	r.server = httptest.NewServer(r)
	t.Cleanup(func() { close(r.stop); r.server.Close() })
	return r
}

// restart has the service gone, and back at its address after some time.
func (r *receiver) restart(meanwhile func()) {
	address := r.server.Listener.Addr().String()
	r.server.CloseClientConnections()
	r.server.Close()
	meanwhile()
	r.server = &httptest.Server{Listener: listentest.Again(r.t, address), Config: &nethttp.Server{Handler: r}}
	r.server.Start()
}

func (r *receiver) ServeHTTP(w nethttp.ResponseWriter, req *nethttp.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	var row struct{ ID int64 }
	_ = json.Unmarshal(body, &row) // of some tests it is no JSON
	id := fmt.Sprint(row.ID)
	got := received{req.Method, req.URL.RequestURI(), req.Header.Get("Idempotency-Key"), string(body), req.Header.Get("X-Signature-256"), req.Header.Get("Content-Type")}
	r.mu.Lock()
	fault := ""
	if n := r.tries[id]; n < len(r.faults[id]) {
		fault = r.faults[id][n]
	}
	r.tries[id]++
	r.all = append(r.all, got)
	if fault == "" || fault == "late" {
		r.taken = append(r.taken, got)
	}
	r.mu.Unlock()
	status, after, _ := strings.Cut(fault, " ")
	switch status {
	case "":
	case "hang", "late": // late: it has been taken, and nobody hears of it
		select {
		case <-req.Context().Done():
		case <-r.stop:
		}
	case "cut":
		if c, _, err := nethttp.NewResponseController(w).Hijack(); err == nil {
			c.Close()
		}
	default:
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		var code int
		fmt.Sscan(status, &code)
		w.WriteHeader(code)
		fmt.Fprintf(w, "fault %s of %s", status, id)
	}
}

func (r *receiver) requests() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

func hookTable(options map[string]string, more ...string) connectors.Table {
	o := map[string]string{"connector": "http", "format": "json", "sink.retry-strategy.exponential-delay.initial-backoff": "1 ms",
		"sink.retry-strategy.exponential-delay.max-backoff": "5 ms", "sink.circuit-breaker.open-duration": "20 ms"}
	for k, v := range options {
		o[k] = v
	}
	return connectors.Table{Name: "t", Columns: columns, Physical: columns, Options: o, Log: slog.New(slog.DiscardHandler), Key: more}
}

func hook(t *testing.T, table connectors.Table) *webhook {
	t.Helper()
	s, err := New(nil).Sink(table)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*webhook)
}

func hookRows(ids ...int64) *event.Batch {
	b := event.NewBatch(event.NewSchema(event.Field{Name: "id", Type: event.TInt64}, event.Field{Name: "name", Type: event.TString}))
	b.Reset(len(ids))
	for i, id := range ids {
		b.Cols[0].Set(i, len(ids), event.IntValue(id))
		b.Cols[1].Set(i, len(ids), event.StringValue(fmt.Sprintf("n/%d \"x\"", id)))
		b.ID[i], b.Time[i] = event.Detection(7, uint64(id)), id
	}
	return b
}

func deliver(t *testing.T, s *webhook, b *event.Batch) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Write(ctx, b); err != nil {
		return err
	}
	return s.Flush(ctx)
}

func TestWebhook(t *testing.T) {
	r := newReceiver(t, nil)
	for _, c := range []struct {
		options map[string]string
		want    received
	}{
		{map[string]string{"url": "/in"}, received{method: "POST", uri: "/in", body: `{"id":5,"name":"n/5 \"x\""}`, kind: "application/json"}},
		{map[string]string{"url": "/in/{id}/{NAME}?n={name}", "insert-method": "PUT"},
			received{method: "PUT", uri: "/in/5/n%2F5%20%22x%22?n=n%2F5+%22x%22", body: `{"id":5,"name":"n/5 \"x\""}`, kind: "application/json"}},
		{map[string]string{"url": "/in", "http.sink.body": `{"id": {{id}}, "text": "it is {{name}}"}`, "insert-method": "PATCH"},
			received{method: "PATCH", uri: "/in", body: `{"id": 5, "text": "it is n/5 \"x\""}`, kind: "application/json"}},
		{map[string]string{"url": "/in", "http.sink.body": "{{id}} is {{name}}", "http.sink.content-type": "text/plain", "http.sink.hmac-secret": "key"},
			received{method: "POST", uri: "/in", body: `5 is n/5 "x"`, kind: "text/plain", signature: "sha256=2ea29b99712f20554b8331fefa99d39f9c9174858e356f8d177a28494f243445"}},
		{map[string]string{"url": "/in", "format": "csv", "http.sink.hmac-secret": "key", "http.sink.hmac-algorithm": "sha512"},
			received{method: "POST", uri: "/in", body: "5,\"n/5 \"\"x\"\"\"", kind: "text/csv; charset=utf-8", signature: "sha512="}},
	} {
		c.options["url"] = r.server.URL + c.options["url"]
		if err := deliver(t, hook(t, hookTable(c.options)), hookRows(5)); err != nil {
			t.Error(err)
			continue
		}
		all := r.requests()
		got := all[len(all)-1]
		c.want.key = event.Detection(7, 5).Hex()
		if c.want.signature == "sha512=" && len(got.signature) == 7+128 {
			c.want.signature = got.signature // TestSigned looks at it
		}
		if got != c.want {
			t.Errorf("%v:\n%+v, want\n%+v", c.options, got, c.want)
		}
	}
}

// TestSigned: what is signed here is what a table that events are posted to takes.
func TestSigned(t *testing.T) {
	for _, algorithm := range []string{"sha256", "sha512"} {
		p, err := NewPoster(connectors.Table{Columns: columns, Physical: columns, Options: map[string]string{"format": "json", optSecret: "key", optAlgorithm: algorithm}})
		if err != nil {
			t.Fatal(err)
		}
		body := []byte(`{"id":1}`)
		if err := p.Verify(newSigner(map[string]string{optSinkSecret: "key", optSinkAlgorithm: algorithm}).of(body), body); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
		if err := p.Verify(newSigner(map[string]string{optSinkSecret: "other", optSinkAlgorithm: algorithm}).of(body), body); err == nil {
			t.Errorf("%s: another secret is taken", algorithm)
		}
	}
}

// TestFaults: whatever the service does, each row is taken, under one key.
func TestFaults(t *testing.T) {
	faults := map[string][]string{
		"1": {"500", "503", "502", "429", "408"},
		"2": {"hang"},
		"3": {"cut", "cut", "cut"},
		"4": {"429 1"},
		"5": {"late", "cut"},
		"6": {"503 0", "503 Thu, 01 Jan 1970 00:00:00 GMT"},
		"7": {"425", "late", "500", "hang"},
	}
	r := newReceiver(t, faults)
	s := hook(t, hookTable(map[string]string{"url": r.server.URL, "sink.requests.timeout": "200 ms", "sink.circuit-breaker.failures": "4"}))
	ids := make([]int64, 40)
	for i := range ids {
		ids[i] = int64(i)
	}
	if err := deliver(t, s, hookRows(ids...)); err != nil {
		t.Fatal(err)
	}
	r.checkKeys(ids)
	// What is cut on a connection of before, the transport itself may send again.
	if a := s.Activity(); a.Delivered != 40 || a.Failures < 14 || a.Breaker != "closed" || len(s.Refused()) > 0 || len(s.Latencies()) != int(a.Calls) {
		t.Errorf("%+v", a)
	}
}

// checkKeys says whether each row was taken, and came under one key of its own.
func (r *receiver) checkKeys(ids []int64) {
	r.t.Helper()
	keys := map[string]string{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.all {
		if before, known := keys[x.key]; known && before != x.body {
			r.t.Errorf("key %s is of %s and %s", x.key, before, x.body)
		}
		keys[x.key] = x.body
	}
	taken := map[string]bool{}
	for _, x := range r.taken {
		taken[x.key] = true
	}
	for _, id := range ids {
		if !taken[event.Detection(7, uint64(id)).Hex()] {
			r.t.Errorf("row %d was not taken", id)
		}
	}
	if len(keys) != len(ids) {
		r.t.Errorf("%d keys of %d rows", len(keys), len(ids))
	}
}

// TestRestart: the service goes and comes back.
func TestRestart(t *testing.T) {
	r := newReceiver(t, nil)
	s := hook(t, hookTable(map[string]string{"url": r.server.URL, "sink.max-retries": "100000"}))
	if err := deliver(t, s, hookRows(1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	r.restart(func() {
		go func() { done <- deliver(t, s, hookRows(4, 5, 6)) }()
		failed(t, s, 3)
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.checkKeys([]int64{1, 2, 3, 4, 5, 6})
}

// failed waits for n calls that nobody answers.
func failed(t *testing.T, s connectors.Active, n int64) {
	look, late := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer look.Stop()
	for a := s.Activity(); a.Failures < n || a.LastError == ""; a = s.Activity() {
		select {
		case <-look.C:
		case <-late:
			t.Errorf("%+v", a)
			return
		}
	}
}

// TestKeyOrder: of rows with one primary key each is sent when the one before is
// taken.
func TestKeyOrder(t *testing.T) {
	r := newReceiver(t, map[string][]string{"1": {"500", "cut", "429"}})
	s := hook(t, hookTable(map[string]string{"url": r.server.URL, "http.sink.body": `{"id":{{id}},"n":"{{name}}"}`}, "id"))
	b := hookRows(1, 2, 1, 3, 1, 2, 1)
	for i := range b.N {
		b.Cols[1].Set(i, b.N, event.StringValue(fmt.Sprint(i)))
		b.ID[i] = event.Detection(7, uint64(i))
	}
	if err := deliver(t, s, b); err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, x := range r.requests() {
		if strings.HasPrefix(x.body, `{"id":1,`) {
			order = append(order, x.body[len(`{"id":1,"n":"`):len(x.body)-2])
		}
	}
	if got := strings.Join(order, " "); got != "0 0 0 0 2 4 6" {
		t.Error(got)
	}
}

// TestGivenUp: answers that no repetition changes, and too many that fail.
func TestGivenUp(t *testing.T) {
	faults := map[string][]string{"1": {"413"}, "2": {"301"}, "3": slices.Repeat([]string{"500"}, 3), "4": {"404"}, "5": {"422"}}
	r := newReceiver(t, faults)
	options := map[string]string{"url": r.server.URL, "sink.max-retries": "2", "sink.dead-letter-table": "dead", "http.sink.success-codes": "2XX,404"}
	s := hook(t, hookTable(options))
	if err := deliver(t, s, hookRows(0, 1, 2, 3, 4, 5)); err != nil {
		t.Fatal(err)
	}
	got := map[int64]connectors.Refusal{}
	for _, x := range s.Refused() {
		got[x.Time] = x
	}
	if x := got[1]; x.Status != 413 || x.Answer != "fault 413 of 1" || x.Attempts != 1 || x.ID != event.Detection(7, 1) || x.Reason != "the service answers 413 Request Entity Too Large" {
		t.Errorf("%+v", x)
	}
	if x := got[3]; x.Status != 500 || x.Attempts != 3 || string(x.Value) != `{"id":3,"name":"n/3 \"x\""}` {
		t.Errorf("%+v", x)
	}
	if len(got) != 4 || got[2].Status != 301 || got[5].Status != 422 {
		t.Errorf("%+v", got)
	}
	options = map[string]string{"url": r.server.URL}
	r.tries = map[string]int{}
	if err := deliver(t, hook(t, hookTable(options)), hookRows(1)); err == nil || !strings.Contains(err.Error(), "413") || !strings.Contains(err.Error(), event.Detection(7, 1).Hex()) {
		t.Error(err)
	}
}

// TestHookRefused: what is wrong with a table is found before a row comes.
func TestHookRefused(t *testing.T) {
	confined, err := access.New(access.Config{Network: []string{"*.example:443"}})
	if err != nil {
		t.Fatal(err)
	}
	for want, options := range map[string]map[string]string{
		"needs option 'url'":                 {},
		"option 'http.hmac-secret' does not": {"url": "http://h/", "http.hmac-secret": "x"},
		"option 'lookup.cache' does not":     {"url": "http://h/", "lookup.cache": "NONE"},
		"{none} is no column":                {"url": "http://h/{none}"},
		"{{none}} is no column":              {"url": "http://h/", "http.sink.body": `{"a":{{none}}}`},
		"it is no JSON":                      {"url": "http://h/", "http.sink.body": `{{id}} {{id}}`},
		"the host cannot depend on the row":  {"url": "http://{name}/"},
		"option 'url': ":                     {"url": "http://other/", "confined": "true"},
		"unknown format":                     {"url": "http://h/", "format": "none"},
	} {
		table := hookTable(options)
		if options["confined"] != "" {
			table.Access = confined
		}
		if _, err := New(nil).Sink(table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", options, err, want)
		}
	}
	changes := hookTable(map[string]string{"url": "http://h/", "http.sink.body": `{}`})
	changes.Changes = true
	if _, err := New(nil).Sink(changes); err == nil {
		t.Error("a template for rows that are updated")
	}
}

// TestHookConfined: a name that leads to an address that is not allowed is not called,
// and not tried again.
func TestHookConfined(t *testing.T) {
	p, err := access.New(access.Config{Network: []string{"10.0.0.0/8:*"}})
	if err != nil {
		t.Fatal(err)
	}
	table := hookTable(map[string]string{"url": "http://localhost:1/"})
	table.Access = p
	if err := deliver(t, hook(t, table), hookRows(1)); err == nil || !strings.Contains(err.Error(), "at attempt 1 ") {
		t.Error(err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "x": 0, "99999999999": 0,
		"Sun, 01 Mar 2026 12:01:00 GMT": time.Minute, "Sun, 01 Mar 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestCodes(t *testing.T) {
	c, err := parseCodes("2xx, 404,429")
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]bool{200: true, 299: true, 300: false, 404: true, 405: false, 429: true, 99: false, 600: false, 1000: false} {
		if c.has(status) != want {
			t.Errorf("%d: %v", status, !want)
		}
	}
	for _, bad := range []string{"", "6XX", "XX", "20", "700", "a", "200,,201"} {
		if _, err := parseCodes(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
