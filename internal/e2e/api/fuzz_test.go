package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/connectors/all"
	posted "github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/intake"
)

// newServer is a server whose queries reach nothing outside the process.
func newServer(t testing.TB) http.Handler {
	t.Helper()
	nothing, err := access.New(access.Config{})
	if err != nil {
		t.Fatal(err)
	}
	logs := intake.New(clock.Wall{})
	e, err := engine.New(engine.Options{Registry: all.New(posted.New(logs), posted.NewParameters(logs)), Access: nothing, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Open(nil); err != nil {
		t.Fatal(err)
	}
	s, err := api.NewService("", api.EngineRunner{Engine: e, Logs: logs}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return api.NewHandler(s, prometheus.NewRegistry(), "test", api.Protection{})
}

// schema is the part of JSON Schema that the description uses.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 any    `json:"type"`
	Format               string `json:"format"`
	MinLength, MaxLength *int
	Minimum, Maximum     *float64
	Enum                 []any
	Properties           map[string]*schema
	Items                *schema
	AdditionalProperties any
}

type parameter struct {
	Name, In string
	Schema   schema
}

type operation struct {
	method, path string
	Parameters   []parameter
	RequestBody  struct {
		Content map[string]struct{ Schema schema }
	}
}

// description is /v1/openapi.json.
type description struct {
	operations []operation
	schemas    map[string]*schema
}

func describe(t testing.TB, h http.Handler) *description {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/openapi.json", nil))
	var doc struct {
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]*schema }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	d := &description{schemas: doc.Components.Schemas}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			o.method, o.path = strings.ToUpper(method), path
			d.operations = append(d.operations, o)
		}
	}
	slices.SortFunc(d.operations, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return d
}

// generator makes requests.
type generator struct {
	*rand.Rand
	*description
	texts []string // statements
}

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

var oddTexts = []string{"", " ", "0", "-1", "null", "q", "Q", "none", "a.b", "..", "../../etc/passwd", "%", "%00", "\x00", "\xff\xfe", "é", "\u202e", "'", "\"", "`", ";", "{}", "[]", "\n", "1e999", "NaN",
	"card=17", "=", "==", "k=v=w", "9223372036854775808", "0@0", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-00-00", "-292277022399-01-01T00:00:00Z", "${env:HOME}", "${file:/etc/passwd}", "{{.}}", "<script>"}

// text is a string that fits the schema, lies at its limits, or does not fit.
func (g *generator) text(s *schema) string {
	if s.Format == "date-time" && g.IntN(2) == 0 {
		return time.UnixMicro(g.Int64N(4e15) - 1e15).UTC().Format(time.RFC3339Nano)
	}
	if s.MaxLength != nil && g.IntN(8) == 0 {
		return strings.Repeat(pick(g, "x", "é", "(", "'"), max(0, *s.MaxLength+g.IntN(3)-1))
	}
	return pick(g, oddTexts...)
}

func (g *generator) number(s *schema) float64 {
	var near []float64
	for _, limit := range []*float64{s.Minimum, s.Maximum} {
		if limit != nil {
			near = append(near, *limit-1, *limit, *limit+1)
		}
	}
	return pick(g, append(near, 0, 1, -1, 0.5, 1e18, -1e18, 1e300, float64(g.IntN(2000)))...)
}

// value is a JSON value for a schema, or, now and then, another one.
func (g *generator) value(name string, s *schema, depth int) any {
	if s.Ref != "" {
		s = g.schemas[s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]]
	}
	if depth > 4 || g.IntN(20) == 0 {
		return pick[any](g, nil, true, -1, 1e300, "x", []any{}, map[string]any{}, []any{map[string]any{"x": nil}})
	}
	switch kind := fmt.Sprint(s.Type); {
	case strings.Contains(kind, "object"):
		out := map[string]any{}
		for key, p := range s.Properties {
			if key == "sql" || g.IntN(3) > 0 && key != "$schema" {
				out[key] = g.value(key, p, depth+1)
			}
		}
		if more, ok := s.AdditionalProperties.(map[string]any); ok && more != nil || g.IntN(20) == 0 {
			out[pick(g, oddTexts...)] = pick[any](g, "1", 1, nil)
		}
		return out
	case strings.Contains(kind, "array"):
		return []any{g.value(name, s.Items, depth+1)}
	case strings.Contains(kind, "string"):
		if name == "sql" {
			return g.statements()
		}
		return g.text(s)
	case strings.Contains(kind, "boolean"):
		return g.IntN(2) == 0
	}
	return g.number(s)
}

// statements is a text of the corpus, or one with a part of another in it.
func (g *generator) statements() string {
	text := pick(g, g.texts...)
	switch g.IntN(4) {
	case 0:
		return text
	case 1:
		return text[:g.IntN(len(text)+1)]
	}
	other := pick(g, g.texts...)
	at, from := g.IntN(len(text)+1), g.IntN(len(other)+1)
	to := from + g.IntN(min(len(other)-from, 60)+1)
	return text[:at] + other[from:to] + text[min(len(text), at+g.IntN(20)):]
}

// request makes one for an operation.
func (g *generator) request(o *operation) (method, target string, header http.Header, body []byte) {
	path, query, header := o.path, url.Values{}, http.Header{}
	for i := range o.Parameters {
		p := &o.Parameters[i]
		text := g.text(&p.Schema)
		if strings.Contains(fmt.Sprint(p.Schema.Type), "integer") && g.IntN(3) > 0 {
			text = strconv.FormatFloat(g.number(&p.Schema), 'f', -1, 64)
		}
		switch {
		case p.In == "path" && p.Name == "id" && g.IntN(2) == 0:
			path = strings.ReplaceAll(path, "{id}", pick(g, "0-0", "0-1", "1-0", "0-9223372036854775807"))
		case p.In == "path":
			if text == "" || g.IntN(2) == 0 {
				text = "q"
			}
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(text))
		case p.In == "header" && g.IntN(3) == 0:
			header.Set(p.Name, strings.Map(func(r rune) rune { // others a client cannot send
				if r < ' ' || r == 0x7f {
					return -1
				}
				return r
			}, text))
		case p.In == "query" && g.IntN(2) == 0:
			query.Add(p.Name, text)
		}
	}
	header.Set("Content-Type", "application/json")
	for _, c := range o.RequestBody.Content {
		body, _ = json.Marshal(g.value("", &c.Schema, 0))
		switch g.IntN(15) {
		case 0:
			body = body[:g.IntN(len(body)+1)]
		case 1:
			header.Set("Content-Type", pick(g, "", "text/plain", "application/cbor", "application/json; charset=utf-16", "multipart/form-data"))
		case 2:
			body = bytes.Repeat([]byte("["), 100_000)
		}
	}
	if strings.HasSuffix(o.path, "/events") && g.IntN(2) == 0 {
		body = []byte(pick(g, `{"x":1}`, `[{"x":1},{"x":2}]`, "{\"x\":1}\n{\"x\":2}", `{"x":"y"}`, "[[]]", "1"))
		header.Set("Content-Type", pick(g, "application/json", "application/x-ndjson", "text/csv", "application/octet-stream", "a/b"))
	}
	method = o.method
	if g.IntN(20) == 0 {
		method = pick(g, "PUT", "PATCH", "OPTIONS", "HEAD", "POST", "DELETE")
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return method, path, header, body
}

// answer sends a request and wants JSON, and no internal error.
func answer(t testing.TB, h http.Handler, method, target, contentType string, body []byte) int {
	t.Helper()
	return answerTo(t, h, method, target, http.Header{"Content-Type": {contentType}}, body)
}

func answerTo(t testing.TB, h http.Handler, method, target string, header http.Header, body []byte) int {
	t.Helper()
	r, err := http.NewRequest(method, target, bytes.NewReader(body))
	if err != nil {
		return 0 // a client cannot send it
	}
	r.RemoteAddr = "192.0.2.1:1"
	r.Header = header
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rec := httptest.NewRecorder()
	h.ServeHTTP(hangUp{rec, cancel}, r.WithContext(ctx))
	text := rec.Body.Bytes()
	fits := len(text) == 0 || json.Valid(text) || rec.Code < 400 && !strings.Contains(rec.Header().Get("Content-Type"), "json")
	if rec.Code >= 500 || rec.Code >= 400 && rec.Header().Get("Content-Type") != "application/problem+json" || !fits {
		t.Errorf("%s %s %v\n%.2000q\nanswers %d %s\n%.2000s", method, target, header, body, rec.Code, rec.Header().Get("Content-Type"), text)
	}
	return rec.Code
}

// hangUp goes away after the first part of a stream.
type hangUp struct {
	*httptest.ResponseRecorder
	cancel func()
}

func (h hangUp) Flush() { h.cancel() }

func clean(t testing.TB, h http.Handler) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/queries", nil))
	var list []api.Info
	if err := json.Unmarshal(rec.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		answer(t, h, http.MethodDelete, "/v1/queries/"+url.PathEscape(q.Name), "", nil)
	}
}

// seedOf is the seed of CEPD_TEST_SEED, or a new one.
func seedOf(t *testing.T) uint64 {
	seed, err := strconv.ParseUint(os.Getenv("CEPD_TEST_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("CEPD_TEST_SEED=%d makes the same requests", seed)
	return seed
}

// TestEveryOperation makes requests for every operation of the description.
func TestEveryOperation(t *testing.T) {
	h := newServer(t)
	seed := seedOf(t)
	g := &generator{rand.New(rand.NewPCG(seed, 0)), describe(t, h), statements}
	rounds, err := strconv.Atoi(os.Getenv("CEPD_TEST_ROUNDS"))
	if err != nil {
		rounds = 100
	}
	codes := map[string]map[int]int{}
	running, _ := json.Marshal(map[string]string{"sql": statements[1]})
	for range rounds {
		if g.IntN(2) == 0 { // q is there for the others
			answer(t, h, http.MethodPost, "/v1/queries", "application/json", running)
		}
		for i := range g.operations {
			o := &g.operations[i]
			method, target, header, body := g.request(o)
			code := answerTo(t, h, method, target, header, body)
			if codes[o.path] == nil {
				codes[o.path] = map[int]int{}
			}
			codes[o.path][code]++
			if t.Failed() {
				return
			}
		}
		if g.IntN(5) == 0 {
			clean(t, h)
		}
	}
	t.Log(codes)
	good := 0
	for _, c := range codes {
		good += c[200] + c[201] + c[204]
	}
	if good < rounds {
		t.Errorf("only %d of the requests did something: %v", good, codes)
	}
}

// FuzzStatements sends a text to be checked and run.
func FuzzStatements(f *testing.F) {
	for _, text := range statements {
		f.Add(text, "q")
	}
	h := newServer(f)
	f.Fuzz(func(t *testing.T, text, name string) {
		body, _ := json.Marshal(map[string]string{"sql": text, "name": name}) // strings always encode
		answer(t, h, http.MethodPost, "/v1/validate", "application/json", body)
		if answer(t, h, http.MethodPost, "/v1/queries", "application/json", body) < 300 {
			clean(t, h)
		}
		for _, kind := range []string{"TABLE", "VIEW"} {
			for _, table := range []string{"a", "b", "v", "k", "f"} {
				body, _ := json.Marshal(map[string]string{"sql": "DROP " + kind + " IF EXISTS " + table})
				answer(t, h, http.MethodPost, "/v1/queries", "application/json", body)
			}
		}
	})
}
