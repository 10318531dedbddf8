package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/api/auth"
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	posting "github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/connectors/memory"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/systables"
	"github.com/cepd/cepd/state/intake"
)

const orderRules = `
CREATE TABLE steps (id BIGINT, step STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='memory');
CREATE TABLE done (id BIGINT, at TIMESTAMP(3)) WITH ('connector'='memory');
CREATE TABLE paid (id BIGINT, at TIMESTAMP(3)) WITH ('connector'='memory');
INSERT INTO done SELECT * FROM steps MATCH_RECOGNIZE (PARTITION BY id ORDER BY ts MEASURES B.ts AS at
  PATTERN (A -> P -> B) WITHIN INTERVAL '1' DAY DEFINE A AS A.step = 'order', P AS P.step = 'pay', B AS B.step = 'done');
INSERT INTO paid SELECT * FROM steps MATCH_RECOGNIZE (PARTITION BY id ORDER BY ts MEASURES P.ts AS at
  PATTERN (A -> P) WITHIN INTERVAL '1' DAY DEFINE A AS A.step = 'order', P AS P.step = 'pay');`

// supervised is a guarded server with an engine, over tables in memory.
type supervised struct {
	*guarded
	store *memory.Store
}

func newSupervised(t *testing.T) *supervised {
	g := newGuarded(t)
	s := &supervised{g, memory.NewStore(0)}
	logs := intake.New(clock.Wall{})
	e, err := engine.New(engine.Options{Registry: connectors.NewRegistry(formats.Specs(), memory.New(s.store), posting.New(logs)), Workers: 1, DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Open(e.Store()); err != nil {
		t.Fatal(err)
	}
	if g.service, err = NewService("", EngineRunner{Engine: e, Logs: logs}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = g.service.Close(context.Background())
		logs.Close()
	})
	g.handler = NewHandler(g.service, prometheus.NewRegistry(), "test", g.protection)
	return s
}

// call asks as a role and reads the answer.
func (s *supervised) call(role auth.Role, method, path, body string, out any) int {
	s.t.Helper()
	rec := s.ask(role, method, path, body)
	if out != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), out); err != nil {
			s.t.Fatalf("%s %s: %s", method, path, rec.Body)
		}
	}
	return rec.Code
}

// TestSupervise lists, filters, shows, ends and selects open matches as those do
// who run long processes.
func TestSupervise(t *testing.T) {
	s := newSupervised(t)
	text, _ := json.Marshal(map[string]string{"sql": orderRules})
	if code := s.call(auth.Author, http.MethodPost, "/v1/queries", string(text), nil); code != http.StatusCreated {
		t.Fatal(code)
	}
	s.service.starts.settled()
	for i := range 5 {
		row := fmt.Sprintf(`{"id":%d,"step":"order","ts":"2026-01-01 00:00:0%d"}`, i, i)
		if err := s.store.Table("steps").AppendJSON(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.store.Table("steps").AppendJSON(`{"id":1,"step":"pay","ts":"2026-01-01 01:00:00"}`, `{"id":99,"step":"none","ts":"2026-01-01 02:00:00"}`); err != nil {
		t.Fatal(err)
	}
	var page AllInstances
	for deadline := time.Now().Add(time.Minute); page.Total != 9 && time.Now().Before(deadline); {
		s.call(auth.Author, http.MethodGet, "/v1/instances", "", &page)
	}
	if page.Total != 9 || len(page.Instances) != 9 || page.Next != "" {
		t.Fatalf("%+v", page)
	}
	s.pages(t)
	s.filters(t)
	s.ends(t)
}

// pages: all pages together are the whole list.
func (s *supervised) pages(t *testing.T) {
	var all AllInstances
	s.call(auth.Author, http.MethodGet, "/v1/instances", "", &all)
	for limit := 1; limit < 10; limit++ {
		var got []QueryInstance
		for after := ""; ; {
			var page AllInstances
			path := fmt.Sprintf("/v1/instances?limit=%d&after=%s", limit, url.QueryEscape(after))
			if code := s.call(auth.Author, http.MethodGet, path, "", &page); code != http.StatusOK || page.Total != 9 {
				t.Fatal(path, code, page)
			}
			got = append(got, page.Instances...)
			if after = page.Next; after == "" {
				break
			}
		}
		if len(got) != len(all.Instances) {
			t.Fatalf("limit %d: %d, want %d", limit, len(got), len(all.Instances))
		}
		for i := range got {
			if got[i].ID != all.Instances[i].ID || got[i].Query != all.Instances[i].Query {
				t.Errorf("limit %d: %d. is %s of %s, want %s of %s", limit, i, got[i].ID, got[i].Query, all.Instances[i].ID, all.Instances[i].Query)
			}
		}
	}
}

func (s *supervised) filters(t *testing.T) {
	for filter, want := range map[string]int{
		"waits_for=b": 1, "waits_for=P": 8, "reached=p": 1, "key=id%3D3": 2, "query=paid": 4, "query=paid&query=done": 9, "before=2026-01-01T00:00:02Z": 3,
	} {
		var page AllInstances
		if code := s.call(auth.Author, http.MethodGet, "/v1/instances?"+filter, "", &page); code != http.StatusOK || page.Total != want {
			t.Errorf("%s: %d, %d; want %d", filter, code, page.Total, want)
		}
	}
	for path, want := range map[string]int{
		"/v1/instances?after=nonsense": 422, "/v1/instances?after=1-2-3%40x": 422, "/v1/instances?query=nobody": 404, "/v1/instances?limit=0": 422,
		"/v1/queries/done/instances/zz": 404, "/v1/queries/done/instances/1": 404, "/v1/queries/done/instances/..%2f..": 404,
		"/v1/queries/done/instances/%00": 404, "/v1/queries/nobody/instances/1": 404, "/v1/queries/done/instances/" + strings.Repeat("f", 65): 422,
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			if method == http.MethodDelete && strings.HasPrefix(path, "/v1/instances") {
				continue
			}
			if rec := s.ask(auth.Operator, method, path, ""); rec.Code != want {
				t.Errorf("%s %s: %d, want %d: %s", method, path, rec.Code, want, rec.Body)
			}
		}
	}
}

func (s *supervised) ends(t *testing.T) {
	var a systables.Selected
	sql := `{"sql":"SELECT id, key FROM cepd.instances WHERE query = 'done' AND waits_for = 'B'"}`
	if code := s.call(auth.Author, http.MethodPost, "/v1/select", sql, &a); code != http.StatusOK || len(a.Rows) != 1 || string(a.Rows[0][1]) != `"{\"id\":1}"` {
		t.Fatalf("%d %s", code, a.Rows)
	}
	var id string
	if err := json.Unmarshal(a.Rows[0][0], &id); err != nil {
		t.Fatal(err)
	}
	var x engine.Instance
	path := "/v1/queries/done/instances/" + id
	if code := s.call(auth.Author, http.MethodGet, path, "", &x); code != http.StatusOK || x.ID != id || len(x.Rows) != 2 {
		t.Errorf("%d %+v", code, x)
	}
	if code := s.call(auth.Author, http.MethodDelete, path, "", nil); code != http.StatusForbidden {
		t.Errorf("an author ends a match: %d", code)
	}
	if code := s.call(auth.Operator, http.MethodDelete, path+"?reason=cancelled+by+phone", "", &x); code != http.StatusOK || x.ID != id {
		t.Errorf("%d %+v", code, x)
	}
	if code := s.call(auth.Operator, http.MethodDelete, path, "", nil); code != http.StatusNotFound {
		t.Errorf("ended twice: %d", code)
	}
	var found bool
	for _, e := range s.audited() {
		found = found || e.Action == "end-instance" && e.Reason == "cancelled by phone" && strings.HasSuffix(e.Object, id) && e.Who == "the-operator" && e.Status == http.StatusOK
	}
	if !found {
		t.Errorf("the audit log lacks it: %+v", s.audited())
	}
	for sql, want := range map[string]string{
		"SELECT query, COUNT(*) AS n FROM cepd.instances GROUP BY query ORDER BY query":                        `[["done",4],["paid",4]]`,
		"SELECT name, state, open_matches >= 0 AS open FROM cepd.queries ORDER BY name":                        `[["done","running",true],["paid","running",true]]`,
		"SELECT name, connector FROM cepd.tables ORDER BY name":                                                `[["done","memory"],["paid","memory"],["steps","memory"]]`,
		"SELECT query, table_name, partition_id FROM cepd.partitions ORDER BY query":                           `[["done","steps",0],["paid","steps",0]]`,
		"SELECT s.table_name, o.stage FROM cepd.sinks s JOIN cepd.operators o ON s.query = o.query ORDER BY 1": `[["done",0],["paid",0]]`,
	} {
		text, _ := json.Marshal(map[string]string{"sql": sql})
		var a systables.Selected
		code := s.call(auth.Author, http.MethodPost, "/v1/select", string(text), &a)
		if got, _ := json.Marshal(a.Rows); code != http.StatusOK || string(got) != want {
			t.Errorf("%s: %d %s, want %s", sql, code, got, want)
		}
	}
	for _, sql := range []string{"INSERT INTO done SELECT id, ts FROM cepd.instances", "SELECT * FROM cepd.instances MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS TRUE)"} {
		text, _ := json.Marshal(map[string]string{"sql": sql})
		for _, path := range []string{"/v1/queries", "/v1/select"} {
			if rec := s.ask(auth.Author, http.MethodPost, path, string(text)); rec.Code != http.StatusUnprocessableEntity {
				t.Errorf("%s %s: %d %s", path, sql, rec.Code, rec.Body)
			}
		}
	}
}

const calls = `
CREATE TABLE calls (card STRING, step STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector'='http', 'format'='json');
CREATE TABLE answered (card STRING, at TIMESTAMP(3)) WITH ('connector'='memory');
INSERT INTO answered SELECT * FROM calls MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES B.ts AS at
  PATTERN (A -> B) WITHIN INTERVAL '1' DAY DEFINE A AS A.step = 'ring', B AS B.step = 'answer');`

// TestRaise raises an event for an open match: it completes it.
func TestRaise(t *testing.T) {
	s := newSupervised(t)
	text, _ := json.Marshal(map[string]string{"sql": calls})
	if code := s.call(auth.Author, http.MethodPost, "/v1/queries", string(text), nil); code != http.StatusCreated {
		t.Fatal(code)
	}
	s.service.starts.settled()
	post := func(row string) {
		t.Helper()
		if rec := s.ask(auth.Operator, http.MethodPost, "/v1/tables/calls/events", row); rec.Code != http.StatusAccepted {
			t.Fatal(rec.Code, rec.Body)
		}
	}
	post(`{"card":"a/17","step":"ring","ts":"2026-01-01 00:00:00"}`)
	post(`{"card":"-","step":"-","ts":"2026-01-01 00:00:01"}`)
	var page engine.Instances
	for deadline := time.Now().Add(time.Minute); page.Total != 1 && time.Now().Before(deadline); {
		s.call(auth.Author, http.MethodGet, "/v1/queries/answered/instances", "", &page)
	}
	if page.Total != 1 {
		t.Fatal(page)
	}
	path := "/v1/queries/answered/instances/" + page.Instances[0].ID + "/events"
	for body, want := range map[string]int{
		`{"values":{"nonsense":1}}`: 422, `{"table":"answered","values":{}}`: 422, `{"values":{"card":"b"}}`: 422, `{"values":{"ts":"no time"}}`: 422, `[]`: 422, `{`: 400,
	} {
		if rec := s.ask(auth.Operator, http.MethodPost, path, body); rec.Code != want {
			t.Errorf("%s: %d, want %d: %s", body, rec.Code, want, rec.Body)
		}
	}
	if code := s.call(auth.Operator, http.MethodPost, "/v1/queries/answered/instances/1/events", `{}`, nil); code != http.StatusNotFound {
		t.Errorf("for no match: %d", code)
	}
	var raised Raised
	code := s.call(auth.Operator, http.MethodPost, path, `{"values":{"step":"answer","ts":"2026-01-01 00:00:05"}}`, &raised)
	if code != http.StatusAccepted || raised.Event == nil || raised.Table != "calls" {
		t.Fatal(code, raised)
	}
	post(`{"card":"-","step":"-","ts":"2026-01-01 00:00:09"}`)
	for deadline := time.Now().Add(time.Minute); s.store.Table("answered").Len() == 0 && time.Now().Before(deadline); {
		s.call(auth.Author, http.MethodGet, "/v1/queries/answered/instances", "", &page)
	}
	if _, rows := s.store.Table("answered").Rows(); len(rows) != 1 || string(rows[0][0].S) != "a/17" {
		t.Errorf("detections %v", rows)
	}
}

// TestRaiseElsewhere: in a topic the row is produced; other connectors are
// refused with a remedy.
func TestRaiseElsewhere(t *testing.T) {
	s := &server{t: t}
	s.start()
	s.request(http.MethodPost, "/v1/queries", `CREATE TABLE k (a INT, b INT) WITH ('connector'='kafka','topic'='k','properties.bootstrap.servers'='x:1','format'='json');
CREATE TABLE d (a INT) WITH ('connector'='datagen'); CREATE TABLE o (a INT) WITH ('connector'='blackhole'); CREATE TABLE p (a INT) WITH ('connector'='blackhole');
INSERT INTO o SELECT a FROM k; INSERT INTO p SELECT a FROM d;`)
	raise := func(query, body string) string {
		return s.request(http.MethodPost, "/v1/queries/"+query+"/instances/17/events", body)
	}
	if got := raise("o", `{"values":{"b":7}}`); !strings.HasPrefix(got, "202") || !strings.Contains(s.runner.String(), `{"b":7} in k`) {
		t.Errorf("%s%s", got, s.runner)
	}
	if got := raise("p", `{}`); !strings.HasPrefix(got, "422") || !strings.Contains(got, "UNION ALL") {
		t.Error(got)
	}
}
