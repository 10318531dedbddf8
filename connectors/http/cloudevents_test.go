package http

import (
	"fmt"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	sdkhttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/cepd/cepd/connectors"
)

// TestSendsEvents has CloudEvents' own library receive what a table sends; the
// first attempt of each is refused.
func TestSendsEvents(t *testing.T) {
	for name, options := range map[string]map[string]string{
		"binary":              {"cloudevents.mode": "binary"},
		"structured":          {"cloudevents.mode": "structured"},
		"template":            {"cloudevents.mode": "binary", "http.sink.body": `{"id": {{id}}, "name": "{{name}}"}`},
		"structured template": {"cloudevents.mode": "structured", "http.sink.body": `{"id": {{id}}, "name": {{name}}}`},
		"content type":        {"cloudevents.mode": "binary", "http.sink.content-type": "application/vnd.example+json"},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			got, tries := map[string]string{}, map[string]int{}
			server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
				mu.Lock()
				defer mu.Unlock()
				e, err := sdkhttp.NewEventFromHTTPRequest(r)
				if err == nil {
					err = e.Validate()
				}
				if err != nil {
					t.Error(err)
					w.WriteHeader(400)
					return
				}
				if tries[e.ID()]++; tries[e.ID()] == 1 {
					w.WriteHeader(503)
					return
				}
				if e.ID() != r.Header.Get("Idempotency-Key") {
					t.Errorf("id %s, key %s", e.ID(), r.Header.Get("Idempotency-Key"))
				}
				subject := e.Subject()
				if !strings.HasPrefix(name, "structured") {
					if subject, err = url.PathUnescape(subject); err != nil { // which the library leaves to others
						t.Error(err)
					}
				}
				got[e.ID()] = fmt.Sprint(e.Type(), " ", e.Source(), " ", subject, " ", e.Time().UnixMicro(), " ", e.DataContentType(), " ", string(e.Data()))
			}))
			defer server.Close()
			options["url"], options["cloudevents.type"], options["cloudevents.subject"], options["sink.circuit-breaker.failures"] = server.URL, "com.example.row", "{name}", "0"
			table := hookTable(options)
			table.Query = "q"
			rows := hookRows(1, 2)
			if err := deliver(t, hook(t, table), rows); err != nil {
				t.Fatal(err)
			}
			kind, space := "application/json", ""
			if options["http.sink.content-type"] != "" {
				kind = options["http.sink.content-type"]
			}
			if options["http.sink.body"] != "" {
				space = " "
			}
			for i := range rows.N {
				want := fmt.Sprintf(`com.example.row /cepd/q/t n/%[1]d "x" %[1]d %[2]s {"id":%[3]s%[1]d,%[3]s"name":%[3]s"n/%[1]d \"x\""}`, i+1, kind, space)
				if text := got[rows.ID[i].Hex()]; text != want {
					t.Errorf("got %s\nwant %s", text, want)
				}
			}
		})
	}
}

// posted is a post as its receiver takes it.
func posted(t *testing.T, p *Poster, r *nethttp.Request) (values []string, headers string, err error) {
	t.Helper()
	var a Attributes
	for name, list := range r.Header {
		a.Add(name, list[0])
	}
	body := make([]byte, r.ContentLength)
	if _, err := r.Body.Read(body); err != nil && len(body) == 0 {
		t.Fatal(err)
	}
	list, err := a.Headers()
	if err != nil {
		return nil, "", err
	}
	records, err := p.Records(r.Header.Get("Content-Type"), list, body)
	for _, x := range records {
		values, headers = append(values, string(x.Value)), string(x.Key)
	}
	return values, headers, err
}

// TestTakesEvents has the library post events, in each of its modes.
func TestTakesEvents(t *testing.T) {
	e := sdk.New()
	e.SetID("7")
	e.SetSource("/shop")
	e.SetType("com.example.päid")
	e.SetSubject(`100 % "sure"`)
	e.SetTime(time.UnixMicro(1772442001_500_000))
	if err := e.SetData("application/json", map[string]any{"a": 1}); err != nil {
		t.Fatal(err)
	}
	r, err := sdkhttp.NewHTTPRequestFromEvent(t.Context(), "http://x", e)
	if err != nil {
		t.Fatal(err)
	}
	values, headers, err := posted(t, newPoster(t), r)
	if err != nil || fmt.Sprint(values) != `[{"a":1}]` {
		t.Fatal(values, err)
	}
	want := string(connectors.AppendHeaders(nil, []connectors.Header{
		{Key: "ce-id", Value: []byte("7")}, {Key: "ce-source", Value: []byte("/shop")}, {Key: "ce-specversion", Value: []byte("1.0")},
		{Key: "ce-subject", Value: []byte(`100 % "sure"`)}, {Key: "ce-time", Value: []byte("2026-03-02T09:00:01.5Z")},
		{Key: "ce-type", Value: []byte("com.example.päid")}, {Key: "content-type", Value: []byte("application/json")},
	}))
	if headers != want {
		t.Errorf("headers %q\nwant %q", headers, want)
	}

	batch, err := sdkhttp.NewHTTPRequestFromEvents(t.Context(), "http://x", []sdk.Event{e, e})
	if err != nil {
		t.Fatal(err)
	}
	if values, headers, err = posted(t, newPoster(t), batch); err != nil || len(values) != 2 || headers != "" || !strings.Contains(values[1], `"data":{"a":1}`) {
		t.Error(values, headers, err)
	}
}

// TestAttributesThatAreWrong has headers that nobody may send so.
func TestAttributesThatAreWrong(t *testing.T) {
	for value, want := range map[string]string{"%C0%A0": "not UTF-8", strings.Repeat("x", 20_000): "more than"} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{"a":1}`))
		r.Header.Set("ce-id", value)
		if _, _, err := posted(t, newPoster(t), r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: %v", value, err)
		}
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(`{"a":1}`))
	r.Header.Set("ce-id", `"a \"b\""`)
	r.Header.Set("ce-subject", "5%25 %4 %zz %f%C3%A4%")
	if _, headers, err := posted(t, newPoster(t), r); err != nil || !strings.Contains(headers, `a "b"`) || !strings.Contains(headers, "5% %4 %zz %fä%") {
		t.Errorf("%q %v", headers, err)
	}
}
