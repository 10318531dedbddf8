package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
)

// tried is a server whose queries read a file.
type tried struct {
	t       *testing.T
	dir     string
	service *Service
}

const triedTable = `CREATE TABLE payments (card BIGINT, ts TIMESTAMP(3), amount DOUBLE, fraud BOOLEAN, WATERMARK FOR ts AS ts)
  WITH ('connector' = 'file', 'path' = 'payments.csv', 'format' = 'csv');
CREATE TABLE alerts (card BIGINT, amount DOUBLE) WITH ('connector' = 'blackhole');
`

func triedQuery(name string, least int) string {
	return fmt.Sprintf("INSERT INTO alerts /*+ NAME('%s') */ SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES B.amount AS amount PATTERN (A B) DEFINE A AS A.amount < 10, B AS B.amount > %d);", name, least)
}

func newTried(t *testing.T) *tried {
	s := &tried{t: t, dir: t.TempDir()}
	const rows = "1,2026-01-01 10:00:00,1,false\n1,2026-01-01 10:01:00,150,true\n2,2026-01-02 10:00:00,1,false\n2,2026-01-02 10:01:00,250,false\n"
	if err := os.WriteFile(filepath.Join(s.dir, "payments.csv"), []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	t.Cleanup(s.close)
	return s
}

func (s *tried) start() {
	s.t.Helper()
	e, err := engine.New(engine.Options{Registry: all.New(), Dir: s.dir})
	if err != nil {
		s.t.Fatal(err)
	}
	if s.service, err = NewService(filepath.Join(s.dir, "data"), EngineRunner{Engine: e}, slog.New(slog.DiscardHandler)); err != nil {
		s.t.Fatal(err)
	}
	s.service.starts.settled()
}

func (s *tried) close() {
	if err := s.service.Close(context.Background()); err != nil {
		s.t.Error(err)
	}
}

func (s *tried) call(method, path string, in any) (int, string) {
	s.t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	req := httptest.NewRequest(method, path, strings.NewReader(string(text)))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	NewHandler(s.service, prometheus.NewRegistry(), "test", Protection{}).ServeHTTP(rec, req)
	return rec.Code, rec.Body.String()
}

// begin starts a back-test.
func (s *tried) begin(in BacktestRequest) (b Backtest) {
	s.t.Helper()
	code, text := s.call("POST", "/v1/backtests", in)
	if code != 202 || json.Unmarshal([]byte(text), &b) != nil || b.ID == "" {
		s.t.Fatal(code, text)
	}
	return b
}

// until waits for a back-test to be as wanted.
func (s *tried) until(id string, ok func(*Backtest) bool) (b Backtest) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		code, text := s.call("GET", "/v1/backtests/"+id, nil)
		if code != 200 {
			s.t.Fatal(code, text)
		}
		b = Backtest{}
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			s.t.Fatal(err)
		}
		if ok(&b) {
			return b
		}
	}
	s.t.Fatalf("the back-test is %s", b.State)
	return b
}

func ended(b *Backtest) bool { return b.State == BacktestDone || b.State == BacktestFailed }

// TestBacktests tries a change of a query that runs.
func TestBacktests(t *testing.T) {
	s := newTried(t)
	if code, text := s.call("POST", "/v1/queries", Submission{SQL: triedTable + triedQuery("rule", 100)}); code != 201 {
		t.Fatal(code, text)
	}
	b := s.begin(BacktestRequest{SQL: triedTable + triedQuery("rule", 200), Against: "rule", By: "card", Label: "fraud", Amount: "amount"})
	b = s.until(b.ID, ended)
	if r := b.Report; r == nil || r.After.Detections != 1 || r.Before.Detections != 2 || r.Disappear.Count != 1 || len(r.Days) != 2 || len(r.Segments) != 2 || r.Before.Score.FoundWorth != 150 {
		t.Fatalf("%s: %+v", b.Error, r)
	}
	code, page := s.call("GET", "/v1/backtests/"+b.ID+"/report", nil)
	if code != 200 || !strings.Contains(page, "<svg") || !strings.Contains(page, "Disappear (1)") {
		t.Error(code, page)
	}
	as := s.until(s.begin(BacktestRequest{Query: "rule"}).ID, ended) // as it is, with nothing before
	if as.Report == nil || as.Report.After.Detections != 2 || as.Report.Before != nil {
		t.Errorf("%+v", as)
	}
	s.close()
	s.start()
	if again := s.until(b.ID, ended); again.Report == nil || again.Report.Disappear.Count != 1 {
		t.Errorf("after a restart: %+v", again)
	}
	if code, text := s.call("GET", "/v1/backtests", nil); code != 200 || strings.Index(text, as.ID) > strings.Index(text, b.ID) || strings.Contains(text, `"report"`) {
		t.Error(code, text)
	}
	if code, _ := s.call("DELETE", "/v1/backtests/"+b.ID, nil); code != 204 {
		t.Error(code)
	}
	if code, _ := s.call("GET", "/v1/backtests/"+b.ID, nil); code != 404 {
		t.Error("there is one that was deleted:", code)
	}
}

// TestBacktestRefusals: what makes no sense is said at once, or is why it failed.
func TestBacktestRefusals(t *testing.T) {
	s := newTried(t)
	text := triedTable + triedQuery("rule", 100)
	for _, in := range []BacktestRequest{{}, {Query: "none"}, {SQL: text, Against: "none"}, {SQL: text, From: "soon"}, {SQL: text, Query: "other"},
		{SQL: text + triedQuery("two", 1)}, {SQL: "SELECT"}, {SQL: text, Limit: 1001}, {SQL: text, Params: map[string]string{"x": "1"}}} {
		if code, answer := s.call("POST", "/v1/backtests", in); code < 400 || code >= 500 {
			t.Errorf("%+v: %d %s", in, code, answer)
		}
	}
	if b := s.until(s.begin(BacktestRequest{SQL: text, By: "country"}).ID, ended); b.State != BacktestFailed || !strings.Contains(b.Error, `no column "country"`) {
		t.Errorf("%+v", b)
	}
}

// TestBacktestQueue: one runs, some wait, one more is refused; deleting the one
// that runs lets the next begin.
func TestBacktestQueue(t *testing.T) {
	s := newTried(t)
	const long = `CREATE TABLE many (x BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'number-of-rows' = '1000000000000');
CREATE TABLE o (x BIGINT) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT x FROM many WHERE x IS NULL;`
	first := s.begin(BacktestRequest{SQL: long})
	running := s.until(first.ID, func(b *Backtest) bool { return b.Progress != nil && b.Progress.Rows > 0 })
	if p := running.Progress; running.State != BacktestRunning || p.Part != "after" || p.Partitions != 1 || p.Share < 0 || p.Share > 1 {
		t.Errorf("%+v", p)
	}
	if code, _ := s.call("GET", "/v1/backtests/"+first.ID+"/report", nil); code != 409 {
		t.Error("a report of one that runs:", code)
	}
	var waiting []string
	for range maxBacktestQueue {
		waiting = append(waiting, s.begin(BacktestRequest{SQL: long}).ID)
	}
	if code, text := s.call("POST", "/v1/backtests", BacktestRequest{SQL: long}); code != 429 {
		t.Error(code, text)
	}
	for _, id := range waiting[1:] {
		s.call("DELETE", "/v1/backtests/"+id, nil)
	}
	s.call("DELETE", "/v1/backtests/"+first.ID, nil)
	s.until(waiting[0], func(b *Backtest) bool { return b.State == BacktestRunning })
}
