package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/backtest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/internal/why"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/check"
	"github.com/cepd/cepd/state/intake"
	"github.com/cepd/cepd/state/pebblestore"
	"github.com/cepd/cepd/state/savepoint"
)

// fakeRunner runs nothing: it remembers what it was asked.
type fakeRunner struct {
	mu      sync.Mutex
	running map[string]string // query to table
	failed  map[string]*engine.Failure
	started int
	panics  bool   // no query opens
	refuse  string // name of a query that does not start
	logs    *intake.Logs
	version int // of all states

	replaced []string
	broken   error // of replacing

	restored []string
	shadows  map[string]engine.ShadowStart
	promoted string
}

func (r *fakeRunner) Backtest(context.Context, backtest.Request) (*backtest.Report, error) {
	return &backtest.Report{}, nil
}

func (r *fakeRunner) Intake() *intake.Logs { return r.logs }

func (r *fakeRunner) Streams() *stream.Hub { return nil }

func (r *fakeRunner) Connect(t *catalog.Table) (connectors.Table, error) {
	return connectors.Table{Name: t.Name, Options: map[string]string{}}, nil
}

func (r *fakeRunner) Event(_ context.Context, name string, at engine.RowAt) (*engine.EventTrace, error) {
	if name == "elsewhere" {
		return nil, nil
	}
	return &engine.EventTrace{Taken: at.Offset == 0}, nil
}

func (r *fakeRunner) ValidateTables(*query.Result) error { return nil }

func (r *fakeRunner) Validate(q *query.Query, _ *catalog.Catalog) error {
	if q.Table.Option("connector", "") == "nowhere" {
		return errors.New("there is no connector \"nowhere\"")
	}
	return nil
}

func (r *fakeRunner) Restarts(*query.Query) (engine.RestartStrategy, error) {
	return engine.RestartStrategy{First: time.Second, Most: 4 * time.Second, Factor: 2, Reset: time.Minute, Attempts: 5}, nil
}

func (r *fakeRunner) Failure(name string) *engine.Failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed[name]
}

func (r *fakeRunner) Start(_ context.Context, q *query.Query, _ *catalog.Catalog) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started++
	if r.panics {
		return &engine.PanicError{Value: "ouch"}
	}
	delete(r.failed, q.Name)
	if q.Name == r.refuse {
		return fmt.Errorf("query %s: the broker does not answer", q.Name)
	}
	r.running[q.Name] = q.Table.Name
	return nil
}

func (r *fakeRunner) Stop(_ context.Context, name string) error { return r.Drop(name) }

func (r *fakeRunner) Compare(c *engine.Change) (*engine.Verdict, error) {
	store, err := pebblestore.Open("db", pebblestore.Options{FS: vfs.NewMem()})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	e, err := engine.New(engine.Options{Registry: connectors.NewRegistry(nil), Store: store})
	if err != nil {
		return nil, err
	}
	return e.Compare(c)
}

func (r *fakeRunner) Replace(c *engine.Change) error {
	r.replaced = append(r.replaced, fmt.Sprintf("%s to version %d", c.To.Root.Name, c.Version))
	r.version = c.Version
	return r.broken
}

func (r *fakeRunner) StateVersion(string) (int, error) { return r.version, nil }

func (r *fakeRunner) StartShadow(_ context.Context, q *query.Query, _ *catalog.Catalog, how engine.ShadowStart) error {
	if q.Name == r.refuse {
		return fmt.Errorf("query %s: %w", q.Name, engine.ErrShadow)
	}
	r.shadows[q.Name] = how
	return nil
}

func (r *fakeRunner) Shadow(name string) (engine.ShadowStatus, bool) {
	how, ok := r.shadows[name]
	phase := engine.ShadowComparing
	if how.Uncompared {
		phase = engine.ShadowCaughtUp
	}
	return engine.ShadowStatus{Phase: phase}, ok
}

func (r *fakeRunner) DropShadow(name string) error {
	delete(r.shadows, name)
	return nil
}

func (r *fakeRunner) Promote(_ context.Context, name string, version int) error {
	if r.panics {
		return engine.ErrNotPromoted
	}
	delete(r.shadows, name)
	r.promoted = fmt.Sprintf("%s %d", name, version)
	return nil
}

func (r *fakeRunner) Drop(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, name)
	return nil
}

func (r *fakeRunner) Status(name string) (engine.Status, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.running[name]
	if f := r.failed[name]; f != nil {
		return engine.Status{State: engine.StateFailed, Error: f.Err.Error(), Failure: &engine.FailureStatus{At: "then"}}, true
	}
	return engine.Status{State: engine.StateRunning, Hint: "no record has been read yet"}, ok
}

func (r *fakeRunner) Instances(_ context.Context, _ string, f engine.InstanceFilter) (*engine.Instances, error) {
	if f.After == "nonsense" {
		return nil, fmt.Errorf("%w: after", engine.ErrFilter)
	}
	if f.WaitsFor == "nothing" {
		return nil, engine.ErrEnded
	}
	return &engine.Instances{Total: f.Limit, Next: fmt.Sprint(f.Key, f.WaitsFor, f.Before), Instances: []engine.Instance{}}, nil
}

func (r *fakeRunner) Instance(_ context.Context, name, id string) (*engine.Instance, error) {
	if id != "17" {
		return nil, engine.ErrNoInstance
	}
	return &engine.Instance{ID: id, Pattern: name}, nil
}

func (r *fakeRunner) EndInstance(ctx context.Context, name, id string) (*engine.Instance, error) {
	if id == "busy" {
		return nil, engine.ErrBusy
	}
	return r.Instance(ctx, name, id)
}

func (r *fakeRunner) Produce(_ context.Context, t *catalog.Table, object []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restored = append(r.restored, fmt.Sprintf("%s in %s", object, t.Name))
	return nil
}

func (r *fakeRunner) EveryInstance(_ context.Context, name string, most int) ([]engine.Instance, bool, error) {
	var list []engine.Instance
	for i := range 3 {
		list = append(list, engine.Instance{ID: fmt.Sprint(i), Since: "2026-01-01T00:00:00Z", Rows: []engine.InstanceRow{{Variable: "A"}}, WaitsFor: []string{"B"}})
	}
	return list, most < 3, nil
}

func (r *fakeRunner) Why(_ context.Context, q *query.Query, _ *catalog.Catalog, asked why.Request) (*why.Report, error) {
	if asked.Key == "" {
		return nil, fmt.Errorf("%w: give a key", why.ErrRequest)
	}
	return &why.Report{Query: fmt.Sprint(q.Name, asked.Key, asked.From.Unix(), asked.Limit), Patterns: []why.Pattern{}}, nil
}

func (r *fakeRunner) Savepoint(_ context.Context, name string, w io.Writer, h *savepoint.Header) error {
	h.Query, h.Cepd, h.Step = name, "v9", 7
	x, err := savepoint.NewWriter(w, h)
	if err != nil {
		return err
	}
	return x.Close(w)
}

func (r *fakeRunner) Restore(name, path string, sinks engine.Sinks) error {
	r.restored = append(r.restored, fmt.Sprintf("%s from %s (%s)", name, filepath.Base(path), sinks))
	return nil
}

func (r *fakeRunner) Checkpoint(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "table"), []byte("state"), 0o600)
}

// Watch is that of an engine without queries.
func (r *fakeRunner) Watch(query, after string) (*engine.Watch, error) {
	e, err := engine.New(engine.Options{Registry: connectors.NewRegistry(nil), Workers: 1})
	if err != nil {
		return nil, err
	}
	return e.Watch(query, after)
}

func (r *fakeRunner) Infer(_ context.Context, q infer.Request) (*infer.Table, error) {
	return &infer.Table{Name: q.Name, Columns: []event.Field{{Name: "x", Type: event.TInt64}}, Records: 1}, nil
}

func (r *fakeRunner) TakeSample(context.Context) func(check.SampleRequest) (*check.Sample, error) {
	return nil
}

func (r *fakeRunner) Sample(_ context.Context, _ *catalog.Catalog, table string, asked engine.SampleRequest) (*engine.TableSample, error) {
	if asked.Rows == 13 {
		return nil, fmt.Errorf("%w of %s: unlucky", engine.ErrSample, table)
	}
	return &engine.TableSample{Table: table, Rows: make([]engine.SampleRow, 0, asked.Rows), Incomplete: asked.Latest}, nil
}

func (r *fakeRunner) Version() string { return "v9" }

func (r *fakeRunner) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

func (r *fakeRunner) Close(context.Context) error { return nil }

func (r *fakeRunner) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for q, t := range r.running {
		names = append(names, q+" -> "+t)
	}
	sort.Strings(names)
	return strings.Join(slices.Concat(names, r.restored, r.replaced), "\n") + "\n"
}

// server is a server on a directory that can be started again.
type server struct {
	t       *testing.T
	dir     string
	runner  *fakeRunner
	service *Service
	handler http.Handler

	protection Protection
}

func (s *server) start() {
	s.runner = &fakeRunner{running: map[string]string{}, shadows: map[string]engine.ShadowStart{}, refuse: "refused"}
	service, err := NewService(s.dir, s.runner, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	service.starts.settled()
	service.now = func() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }
	s.service, s.handler = service, NewHandler(service, prometheus.NewRegistry(), "test", s.protection)
}

// request sends "METHOD PATH" with the input as body; a body that is not JSON
// is taken as the sql of a submission.
func (s *server) request(method, path, input string) string {
	if input != "" && !strings.HasPrefix(input, "{") {
		text, _ := json.Marshal(map[string]string{"sql": input})
		input = string(text)
	}
	var body io.Reader
	if input != "" {
		body = strings.NewReader(input)
	}
	req := newRequest(method, path, body)
	rec := httptest.NewRecorder()
	s.handler.ServeHTTP(rec, req)
	return fmt.Sprintf("%d %s\n%s", rec.Code, rec.Header().Get("Content-Type"), indent(rec.Body.Bytes()))
}

// newRequest is a request to a server that stops: streams end at once.
func newRequest(method, path string, body io.Reader) *http.Request {
	stopped := make(chan struct{})
	close(stopped)
	req := httptest.NewRequest(method, path, body).WithContext(withClosing(stopped))
	req.Header.Set("Content-Type", "application/json")
	return req
}

func indent(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, bytes.TrimSpace(text), "", "  ") != nil {
		return string(text)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}

// TestAPI runs testdata/*: commands are requests, `restart`, and `running`.
func TestAPI(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &server{t: t, dir: t.TempDir()}
		s.start()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "restart":
				s.start()
				return s.runner.String()
			case "running":
				return s.runner.String()
			case "get", "post", "delete":
				return s.request(strings.ToUpper(d.Cmd), d.CmdArgs[0].String(), d.Input)
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}

func TestGuard(t *testing.T) {
	s := &server{t: t}
	s.start()
	server := httptest.NewUnstartedServer(nil)
	defer server.Close()
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"localhost:8080", "", http.StatusNoContent},
		{"127.0.0.1:8080", "http://127.0.0.1:8080", http.StatusNoContent},
		{"[::1]:8080", "", http.StatusNoContent},
		{"attacker.example:8080", "", http.StatusForbidden},
		{"localhost:8080", "http://attacker.example", http.StatusForbidden},
	} {
		if _, err := s.service.Submit(&Submission{SQL: "CREATE TABLE b (x INT) WITH ('connector'='blackhole'); INSERT INTO b VALUES (1)"}); err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest(http.MethodDelete, "http://"+c.host+"/v1/queries/b", nil)
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		rec := httptest.NewRecorder()
		guard(server.Listener.Addr(), s.handler).ServeHTTP(rec, req)
		if rec.Code != c.want {
			t.Errorf("host %s, origin %q: %d, want %d: %s", c.host, c.origin, rec.Code, c.want, rec.Body)
		}
		s.start()
	}
}

func TestOpenAPI(t *testing.T) {
	s := &server{t: t}
	s.start()
	rec := httptest.NewRecorder()
	s.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/v1/openapi.json", nil))
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for path, methods := range doc.Paths {
		for m := range methods {
			got = append(got, m+" "+path)
		}
	}
	sort.Strings(got)
	var want []string // each has its role, and each role is of one that is described
	for pattern := range rules {
		if method, path, _ := strings.Cut(pattern, " "); strings.HasPrefix(path, "/v1/") {
			want = append(want, strings.ToLower(method)+" "+path)
		}
	}
	sort.Strings(want)
	if !slices.Equal(got, want) {
		t.Errorf("described operations:\n%s\nthose with a rule:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("version %s of OpenAPI", doc.OpenAPI)
	}
}

// TestPage has the page name files that are there, and allow no others.
func TestPage(t *testing.T) {
	s := &server{t: t}
	s.start()
	get := func(path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		s.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		return rec
	}
	page := get("/")
	if got := page.Header().Get("Content-Security-Policy"); got != pagePolicy || strings.Contains(got, "unsafe") || strings.Contains(got, "http") {
		t.Errorf("Content-Security-Policy %q", got)
	}
	names := regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(names) < 4 {
		t.Errorf("the page names %v", names)
	}
	kinds := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	for _, m := range names {
		file := get(m[1])
		if file.Code != http.StatusOK || file.Header().Get("Content-Type") != kinds[filepath.Ext(m[1])] {
			t.Errorf("%s: %d, %v", m[1], file.Code, file.Header())
		}
		if r, err := gzip.NewReader(file.Body); err != nil || r.Close() != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	if got := get("/assets/nothing.js"); got.Code != http.StatusNotFound {
		t.Errorf("%d for a file that is not there", got.Code)
	}
}
