package page

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
)

var rewrite = flag.Bool("rewrite", false, "write the types of the page's calls")

const (
	routesFile = "../../../ui/src/api/routes.txt"
	typesFile  = "../../../ui/src/api/schema.ts"
)

// TestTypesOfThePage compares the types that the page is compiled with to what
// the server says of the routes it uses.
func TestTypesOfThePage(t *testing.T) {
	routes, err := os.ReadFile(routesFile)
	if err != nil {
		t.Fatal(err)
	}
	got := typesOf(t, description(t), strings.Fields(strings.ReplaceAll(string(routes), " ", "\x00")))
	if *rewrite {
		if err := os.WriteFile(typesFile, []byte(got), 0o644); err != nil { //nolint:gosec // source text
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(typesFile)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("ui/src/api/schema.ts is not what the server describes: go test ./internal/e2e/page -run Types -rewrite, then make generate")
	}
}

func description(t *testing.T) *openapi {
	e, err := engine.New(engine.Options{Registry: all.New()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := api.NewService("", api.EngineRunner{Engine: e}, slog.New(slog.DiscardHandler))
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
	rec := httptest.NewRecorder()
	api.NewHandler(s, prometheus.NewRegistry(), "test", api.Protection{}).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/openapi.json", nil))
	doc := &openapi{}
	if err := json.Unmarshal(rec.Body.Bytes(), doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// openapi is the part of the description that types are made of.
type openapi struct {
	Paths      map[string]map[string]route
	Components struct{ Schemas map[string]*shape }
}

type route struct {
	Parameters []struct {
		Name, In string
		Required bool
		Schema   *shape
	}
	RequestBody *struct {
		Content map[string]struct{ Schema *shape }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema *shape }
	}
}

// shape is a JSON schema.
type shape struct {
	Ref                  string `json:"$ref"`
	Type                 any
	Enum                 []string
	Properties           map[string]*shape
	Required             []string
	Items                *shape
	AdditionalProperties any
}

// typist writes TypeScript.
type typist struct {
	doc    *openapi
	wanted []string // names of schemas, in the order in which they came up
}

func typesOf(t *testing.T, doc *openapi, names []string) string {
	w := &typist{doc: doc, wanted: []string{"Problem"}}
	var b strings.Builder
	b.WriteString("// Made from the server's description by go test ./internal/e2e/page -run Types -rewrite. Do not edit.\n\nexport interface Routes {\n")
	for _, name := range names {
		method, path, _ := strings.Cut(name, "\x00")
		r, ok := doc.Paths[path][strings.ToLower(method)]
		if !ok {
			t.Errorf("%s: the server has no %s %s", routesFile, method, path)
			continue
		}
		fmt.Fprintf(&b, "  '%s %s': { input: %s; answer: %s };\n", method, path, w.input(&r), w.answer(&r))
	}
	b.WriteString("}\n")
	for i := 0; i < len(w.wanted); i++ { // it grows
		fmt.Fprintf(&b, "\nexport interface %s {\n%s}\n", w.wanted[i], w.fields(doc.Components.Schemas[w.wanted[i]], "  ", "\n"))
	}
	return b.String()
}

// input is what a call takes.
func (w *typist) input(r *route) string {
	in := map[string][]string{}
	for _, p := range r.Parameters {
		optional := "?"
		if p.Required {
			optional = ""
		}
		in[p.In] = append(in[p.In], fmt.Sprintf("'%s'%s: %s", p.Name, optional, w.of(p.Schema)))
	}
	var parts []string
	if len(in["path"]) > 0 {
		parts = append(parts, "path: { "+strings.Join(in["path"], "; ")+" }")
	}
	if len(in["query"]) > 0 {
		parts = append(parts, "query?: { "+strings.Join(in["query"], "; ")+" }")
	}
	if r.RequestBody != nil { // of several kinds the first, which is JSON
		for _, c := range sortedKeys(r.RequestBody.Content)[:1] {
			parts = append(parts, "body: "+w.of(r.RequestBody.Content[c].Schema))
		}
	}
	return "{ " + strings.Join(append(parts, ""), "; ") + "}"
}

func (w *typist) answer(r *route) string {
	for _, status := range sortedKeys(r.Responses) {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		for _, c := range sortedKeys(r.Responses[status].Content) {
			return w.of(r.Responses[status].Content[c].Schema)
		}
	}
	return "unknown"
}

// of is the type of a schema.
func (w *typist) of(s *shape) string {
	if s == nil {
		return "unknown"
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		if !slices.Contains(w.wanted, name) {
			w.wanted = append(w.wanted, name)
		}
		return name
	}
	if len(s.Enum) > 0 {
		return "'" + strings.Join(s.Enum, "' | '") + "'"
	}
	switch kind := s.Type.(type) {
	case string:
		return w.named(kind, s)
	case []any: // with null
		return w.named(kind[0].(string), s) + " | null"
	}
	return "unknown"
}

func (w *typist) named(kind string, s *shape) string {
	switch kind {
	case "integer", "number":
		return "number"
	case "string", "boolean":
		return kind
	case "array":
		return "Array<" + w.of(s.Items) + ">"
	case "object":
		if len(s.Properties) > 0 {
			return "{ " + w.fields(s, "", " ") + "}"
		}
		return "Record<string, " + w.values(s) + ">"
	}
	return "unknown"
}

// values are those of an object whose names are not known.
func (w *typist) values(s *shape) string {
	text, err := json.Marshal(s.AdditionalProperties)
	inner := &shape{}
	if err != nil || json.Unmarshal(text, inner) != nil {
		return "unknown"
	}
	return w.of(inner)
}

func (w *typist) fields(s *shape, indent, end string) string {
	var b strings.Builder
	for _, name := range sortedKeys(s.Properties) {
		optional := "?"
		if slices.Contains(s.Required, name) {
			optional = ""
		}
		fmt.Fprintf(&b, "%s'%s'%s: %s;%s", indent, name, optional, w.of(s.Properties[name]), end)
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
