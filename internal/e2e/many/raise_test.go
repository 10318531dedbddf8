package many

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/kafkatest"
)

const orderStatements = `CREATE TABLE posted (id BIGINT, step STRING, ts TIMESTAMP(3)) WITH ('connector' = 'http', 'format' = 'json');
CREATE TABLE steps (id BIGINT, step STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
CREATE TABLE done (id BIGINT, at TIMESTAMP(3)) WITH ('connector' = 'file', 'path' = 'done.jsonl', 'format' = 'json');
INSERT INTO steps /*+ NAME('forward') */ SELECT id, step, ts FROM posted;
INSERT INTO done /*+ NAME('orders') */ SELECT * FROM steps MATCH_RECOGNIZE (PARTITION BY id ORDER BY ts
  MEASURES P.ts AS at PATTERN (A -> P) WITHIN INTERVAL '1' DAY DEFINE A AS A.step = 'order', P AS P.step = 'paid');`

// TestRaiseInKafka raises an event for an open match whose rows come from Kafka:
// it is on the topic, and completes the match.
func TestRaiseInKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("a server and a real Kafka broker; not with -short")
	}
	k := kafkatest.Broker(t)
	s := newServer(t)
	s.submit(fmt.Sprintf(orderStatements, k.Topic(t, 1), k.Bootstrap))
	for _, row := range []string{
		`{"id":1,"step":"order","ts":"2026-01-01 12:00:00"}`,
		`{"id":2,"step":"look","ts":"2026-01-01 12:00:01"}`, // brings the watermark to the first
	} {
		if code, answer := s.call(http.MethodPost, "/v1/tables/posted/events", row); code != http.StatusAccepted {
			t.Fatalf("%d %s", code, answer)
		}
	}
	var open struct{ Instances []struct{ ID string } }
	s.waitFor("an open match", func() bool {
		code, answer := s.call(http.MethodGet, "/v1/queries/orders/instances", "")
		return code == http.StatusOK && json.Unmarshal(answer, &open) == nil && len(open.Instances) == 1
	})
	path := "/v1/queries/orders/instances/" + open.Instances[0].ID + "/events"
	for _, values := range []string{
		`{"step":"paid","ts":"2026-01-01 12:00:02"}`,
		`{"step":"look","ts":"2026-01-01 12:00:03"}`, // until then the one before waits for the watermark
	} {
		if code, answer := s.call(http.MethodPost, path, `{"values":`+values+`}`); code != http.StatusAccepted || !strings.Contains(string(answer), `"steps"`) {
			t.Fatalf("%d %s", code, answer)
		}
	}
	s.waitFor("the detection", func() bool {
		rows, _ := os.ReadFile(filepath.Join(s.dir, "data", "files", "done.jsonl"))
		return strings.Contains(string(rows), `{"id":1,"at":"2026-01-01 12:00:02`)
	})
	if code, answer := s.call(http.MethodPost, path, `{"values":{"step":"paid"}}`); code != http.StatusNotFound {
		t.Errorf("raised for a match that is no more: %d %s", code, answer)
	}
}

// call sends a request.
func (s *server) call(method, path, body string) (code int, text []byte) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.address+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, text
}

// waitFor asks again and again.
func (s *server) waitFor(what string, ok func() bool) {
	s.t.Helper()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(patience); !ok(); <-look.C {
		if time.Now().After(end) {
			s.t.Fatalf("%s: it does not come", what)
		}
	}
}
