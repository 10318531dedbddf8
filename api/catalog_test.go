package api_test

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/api/client"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
)

// served is a server with an engine that runs queries.
func served(t *testing.T) (url string, c *client.Client) {
	t.Helper()
	e, err := engine.New(engine.Options{Registry: all.New()})
	if err != nil {
		t.Fatal(err)
	}
	s, err := api.NewService("", api.EngineRunner{Engine: e}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(api.NewHandler(s, prometheus.NewRegistry(), "test", api.Protection{}))
	t.Cleanup(func() {
		h.Close()
		if err := s.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	if c, err = client.New(h.URL, client.Options{}); err != nil {
		t.Fatal(err)
	}
	return h.URL, c
}

// TestCatalog: what the server tells of is what a text may name.
func TestCatalog(t *testing.T) {
	_, c := served(t)
	_, err := c.Submit(t.Context(), &api.Submission{SQL: `CREATE TABLE n (x BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE VIEW v AS SELECT x FROM n; CREATE VIEW w (a) AS SELECT x FROM n`})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Tables, []string{"n"}) || len(got.Views) != 2 || got.Views[0].Name != "v" || !slices.Equal(got.Views[1].Columns, []string{"a"}) {
		t.Errorf("tables %v, views %+v", got.Tables, got.Views)
	}
	at := slices.IndexFunc(got.Connectors, func(x api.Connector) bool { return x.Name == "kafka" })
	if at < 0 || !slices.ContainsFunc(got.Connectors[at].Options, func(o api.Option) bool { return o.Name == "topic" && o.Required }) ||
		!slices.ContainsFunc(got.Connectors[at].Metadata, func(m api.MetadataColumn) bool { return m.Key == "timestamp" && m.Writable }) {
		t.Errorf("connectors %+v", got.Connectors)
	}
	if !slices.ContainsFunc(got.Formats, func(f api.Format) bool { return f.Name == "csv" && len(f.Options) > 0 }) {
		t.Errorf("formats %+v", got.Formats)
	}
	if !slices.ContainsFunc(got.Functions, func(f api.Function) bool { return f.Name == "ABS" && f.Usage != "" && f.Doc != "" }) {
		t.Error("there is no ABS")
	}
	if !slices.ContainsFunc(got.Settings, func(s api.Setting) bool { return s.Key == "detections.explain" && s.Default == "none" }) {
		t.Error("there is no detections.explain")
	}
}

// TestExamplesOfTheManual runs the calls of docs/api.md, line by line, against a
// server: each of them is answered.
func TestExamplesOfTheManual(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("there is no curl")
	}
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```sh\n")
	block, _, _ = strings.Cut(strings.ReplaceAll(block, "\\\n", " "), "```")
	url, c := served(t)
	calls := 0
	for line := range strings.Lines(block) {
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		if strings.Contains(line, "/detections") { // there is one by then
			for _, err := range c.StreamDetections(t.Context(), "numbers", client.StreamOptions{After: engine.FromOldest}) {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		calls++
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "S="+url+"; "+manualCall(line)).CombinedOutput()
		if err != nil || len(out) == 0 && !strings.Contains(line, "DELETE") {
			t.Errorf("%s: %v: %s", line, err, out)
		}
	}
	if calls < 9 {
		t.Errorf("the manual has %d calls", calls)
	}
}

var stream = regexp.MustCompile(`^curl -sN (\S+)`)

// manualCall is a line of the manual so that a refusal is an error, and a stream
// ends with its first event.
func manualCall(line string) string {
	if m := stream.FindStringSubmatch(line); m != nil {
		return "curl -sSfN --max-time 60 '" + strings.Replace(m[1], "$S", "'$S'", 1) + "?after=0' | sed -n '/^data: {/{p;q}'"
	}
	return strings.Replace(line, "curl -s ", "curl -sSf ", 1)
}
