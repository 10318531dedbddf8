package http

import (
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/trace"
)

const (
	parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	state  = "vendor=7"
)

// TestTracesGoThrough sends rows of which one is part of a trace, to what a post to
// a table is taken by: it has the trace, and no other has one.
func TestTracesGoThrough(t *testing.T) {
	var mu sync.Mutex
	got := map[string]string{}
	server := httptest.NewServer(nethttp.HandlerFunc(func(_ nethttp.ResponseWriter, r *nethttp.Request) {
		mu.Lock()
		defer mu.Unlock()
		values, headers, err := posted(t, newPoster(t), r)
		if err != nil {
			t.Error(err)
		}
		got[strings.Join(values, "")] = headers
	}))
	defer server.Close()
	c, ok := trace.Parse([]byte(parent), []byte(state))
	if !ok {
		t.Fatal("it is no context")
	}
	s := hook(t, hookTable(map[string]string{"url": server.URL}))
	rows := hookRows(1, 2, 3, 4)
	rows.Sel = []int32{0, 2, 3}
	ctx := connectors.WithTraced(t.Context(), []connectors.Traced{{Row: 1, Context: c}, {Row: 2, Context: c}})
	if err := s.Write(ctx, rows); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	with := string(connectors.AppendHeaders(nil, []connectors.Header{{Key: trace.Header, Value: []byte(parent)}, {Key: trace.StateHeader, Value: []byte(state)}}))
	want := []string{"", with, ""}
	for i, body := range []string{`{"id":1,"name":"n/1 \"x\""}`, `{"id":3,"name":"n/3 \"x\""}`, `{"id":4,"name":"n/4 \"x\""}`} {
		if headers, ok := got[body]; !ok || headers != want[i] {
			t.Errorf("%s: %q", body, headers)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d posts", len(got))
	}
}
