package many

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/kafkatest"
)

// TestSampleOfATopic: a table whose columns a server takes from a topic of a real
// broker has them from then on, whatever the topic gets and however often the server
// is started again.
func TestSampleOfATopic(t *testing.T) {
	if testing.Short() {
		t.Skip("a server and a real Kafka broker; not with -short")
	}
	k := kafkatest.Broker(t)
	s := newServer(t)
	topic := k.Topic(t, partitions)
	s.produce(k, topic, "id BIGINT, amount DECIMAL(9, 2), device ROW<os STRING>", rowsOfDevices(20))
	options := fmt.Sprintf(`'connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'scan.startup.mode' = 'earliest-offset'`, topic, k.Bootstrap)
	s.submit(`CREATE TABLE payments (seen AS amount > 0) LIKE SAMPLE WITH (` + options + `);
CREATE TABLE big (id BIGINT, os STRING) WITH ('connector' = 'file', 'path' = 'big.jsonl', 'format' = 'json');
INSERT INTO big /*+ NAME('big') */ SELECT id, device.os FROM payments WHERE seen;`)
	columns := s.columns("payments")
	if want := "id BIGINT, amount DECIMAL(18, 2), device ROW<os STRING>, seen BOOLEAN"; columns != want {
		t.Errorf("columns %s, want %s", columns, want)
	}
	file := filepath.Join(s.dir, "data", "files", "big.jsonl")
	s.waitFor("the rows", func() bool { return lines(file) == 20 })
	s.produce(k, topic, "id BIGINT, amount DECIMAL(9, 2), device ROW<os STRING>, added BOOLEAN", `{"id":100,"amount":1.5,"device":{"os":"x"},"added":true}`+"\n")
	s.waitFor("the row that is otherwise", func() bool { return lines(file) == 21 })
	s.stop()
	s.start()
	if now := s.columns("payments"); now != columns {
		t.Errorf("after a restart the columns are %s", now)
	}
	code, answer := s.call(http.MethodPost, "/v1/infer", fmt.Sprintf(`{"name":"p","from":"latest","options":{"connector":"kafka","topic":%q,"properties.bootstrap.servers":%q}}`, topic, k.Bootstrap))
	if code != http.StatusOK || !strings.Contains(string(answer), "added BOOLEAN") {
		t.Errorf("%d %s", code, answer)
	}
}

func rowsOfDevices(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"id":%d,"amount":%d.50,"device":{"os":"a"}}`+"\n", i, i)
	}
	return text.String()
}

func lines(file string) int {
	text, _ := os.ReadFile(file)
	return strings.Count(string(text), "\n")
}

// columns are those of a table.
func (s *server) columns(table string) string {
	var t struct{ Columns []struct{ Name, Type string } }
	s.waitFor("the table", func() bool {
		code, answer := s.call(http.MethodGet, "/v1/tables/"+table, "")
		return code == http.StatusOK && json.Unmarshal(answer, &t) == nil
	})
	var list []string
	for _, c := range t.Columns {
		list = append(list, c.Name+" "+c.Type)
	}
	return strings.Join(list, ", ")
}
