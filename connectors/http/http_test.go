package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/listentest"
)

var (
	keys    = []connectors.Column{{Name: "id", Type: event.TInt64}, {Name: "region", Type: event.TString}}
	columns = []connectors.Column{{Name: "id", Type: event.TInt64}, {Name: "name", Type: event.TString}}
)

// ask asks for one key.
func ask(t *testing.T, options map[string]string, id int64, region string) ([]string, error) {
	t.Helper()
	options["format"] = "json"
	l, err := New(nil).(connectors.Asked).Looker(connectors.Table{Name: "t", Columns: columns, Physical: columns, Options: options}, keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := event.NewBatch(event.NewSchema(event.Field{Name: "id", Type: event.TInt64}, event.Field{Name: "region", Type: event.TString}))
	b.Reset(1)
	b.Cols[0].Set(0, 1, event.IntValue(id))
	b.Cols[1].Set(0, 1, event.StringValue(region))
	var rows []string
	err = l.Find(context.Background(), b, func(key int, row []event.Value) {
		rows = append(rows, fmt.Sprintf("%d: %d %s", key, row[0].I, row[1].S))
	})
	return rows, err
}

func TestFind(t *testing.T) {
	var asked []string
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		asked = append(asked, r.URL.RequestURI()+" "+r.Header.Get("Authorization"))
		switch {
		case strings.HasSuffix(r.URL.Path, "/1"):
			fmt.Fprint(w, ` {"id":1,"name":"one","more":true} `)
		case strings.HasSuffix(r.URL.Path, "/2"):
			fmt.Fprint(w, `[{"id":2,"name":"a"},{"id":2}]`)
		case strings.HasSuffix(r.URL.Path, "/3"):
			fmt.Fprint(w, `[]`)
		case strings.HasSuffix(r.URL.Path, "/4"):
			w.WriteHeader(204)
		default:
			w.WriteHeader(404)
		}
	}))
	defer s.Close()
	o := map[string]string{"url": s.URL + "/c/{region}/{ID}", "http.source.lookup.header.Authorization": "Bearer x"}
	for id, want := range map[int64][]string{1: {"0: 1 one"}, 2: {"0: 2 a", "0: 2 "}, 3: nil, 4: nil, 5: nil} {
		got, err := ask(t, o, id, "ä/b?c")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(id, err, diff)
		}
	}
	if got := asked[len(asked)-1]; !strings.HasPrefix(got, "/c/%C3%A4%2Fb%3Fc/") || !strings.HasSuffix(got, " Bearer x") {
		t.Error(got)
	}
	asked = nil
	for _, at := range []string{"/q", "/q?fixed=1", "/q?id={id}"} {
		if _, err := ask(t, map[string]string{"url": s.URL + at}, 7, "a&b"); err != nil {
			t.Error(err)
		}
	}
	want := []string{"/q?id=7&region=a%26b ", "/q?fixed=1&id=7&region=a%26b ", "/q?id=7&region=a%26b "}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

// TestHostileAnswers: whatever a server gives, it is an error with a reason, without the
// URL; those that asking again may cure are told from the others.
func TestHostileAnswers(t *testing.T) {
	deep, _ := json.Marshal(strings.Repeat("x", maxBody))
	for _, c := range []struct {
		status    int
		body      string
		want      string
		permanent bool
	}{
		{200, `{"id":"x"`, "decode the answer", true},
		{200, `{"id":"x"}`, "decode the answer", true},
		{200, `[1,2]`, "decode the answer", true},
		{200, `[{"id":1}`, "no JSON array", true},
		{200, string(deep), "more than 1048576 bytes", true},
		{200, "[" + strings.Repeat("{},", 5000) + "{}]", "5001 rows", true},
		{401, "", "401 Unauthorized", true},
		{302, "", "302 Found", true},
		{429, "", "429 Too Many", false},
		{503, "", "503 Service", false},
	} {
		s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
			w.Header().Set("Location", "http://elsewhere.invalid/")
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		}))
		_, err := ask(t, map[string]string{"url": s.URL + "/?token=secret"}, 1, "x")
		s.Close()
		var p *connectors.PermanentError
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &p) != c.permanent || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d %.20s: %v", c.status, c.body, err)
		}
	}
	s := httptest.NewServer(nethttp.NotFoundHandler())
	s.Close()
	if _, err := ask(t, map[string]string{"url": s.URL + "/?token=secret"}, 1, "x"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

// TestLookupRestart: one looker asks a service that goes and comes back; meanwhile it
// says that asking again may help, which the query does.
func TestLookupRestart(t *testing.T) {
	h := nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		fmt.Fprintf(w, `{"id":%s,"name":"n%[1]s"}`, r.URL.Query().Get("id"))
	})
	s := httptest.NewServer(h)
	l, err := New(nil).(connectors.Asked).Looker(connectors.Table{Name: "t", Columns: columns, Physical: columns, Options: map[string]string{"url": s.URL, "format": "json"}}, keys[:1])
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for round := range 3 {
		if got, err := askOne(t, l, int64(round)); got != fmt.Sprintf("n%d", round) || err != nil {
			t.Fatalf("round %d: %q, %v", round, got, err)
		}
		address := s.Listener.Addr().String()
		s.Close()
		_, err = askOne(t, l, 7)
		if p := (*connectors.PermanentError)(nil); err == nil || errors.As(err, &p) {
			t.Fatalf("round %d: a service that is away: %v", round, err)
		}
		s = &httptest.Server{Listener: listentest.Again(t, address), Config: &nethttp.Server{Handler: h}}
		s.Start()
	}
	s.Close()
}

// askOne asks for the name of an id.
func askOne(t *testing.T, l connectors.Looker, id int64) (name string, err error) {
	t.Helper()
	b := event.NewBatch(event.NewSchema(event.Field{Name: "id", Type: event.TInt64}))
	b.Reset(1)
	b.Cols[0].Set(0, 1, event.IntValue(id))
	err = l.Find(t.Context(), b, func(_ int, row []event.Value) { name += string(row[1].S) })
	return name, err
}

func TestOptions(t *testing.T) {
	for url, want := range map[string]string{
		"http://h/{id":            "expected the name",
		"http://h/{}":             "expected the name",
		"ftp://h/":                "expected http",
		"http://":                 "expected http",
		"http://u:p@h/":           "no place",
		"http://{id}.example/":    "the host",
		"http://h/{other}":        "{other} is no column",
		"http://h/\x00{id}":       "no URL",
		"http://h/{id}/{id}{id}?": "",
	} {
		_, err := New(nil).(connectors.Asked).Looker(connectors.Table{Columns: columns, Physical: columns, Options: map[string]string{"url": url, "format": "json"}}, keys)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p")) {
			t.Errorf("%q: %v", url, err)
		}
	}
}
