package many

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/kafkatest"
)

var (
	queries = flag.Int("many.queries", 40, "how many queries the server gets")
	rows    = flag.Int("many.rows", 10_000, "how many rows an overloaded query gets")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(kafkatest.Main(m))
}

const (
	partitions = 4
	patience   = 5 * time.Minute
	// goroutinesPerQuery are at most those of a query; four take steps, write the
	// journal, snapshots and rows, the others are Kafka's.
	goroutinesPerQuery = 12
)

// server is a `cepd serve` process.
type server struct {
	t       *testing.T
	dir     string
	address string
	process *exec.Cmd
}

func newServer(t *testing.T) *server {
	s := &server{t: t, dir: t.TempDir()}
	t.Cleanup(s.stop)
	s.start()
	return s
}

// start starts the process and waits until it takes requests.
func (s *server) start() {
	s.process = exec.Command(cepdtest.Program(s.t), "serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(s.dir, "data"))
	log, err := s.process.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "address=http://"); ok {
			s.address = "http://" + strings.Fields(rest)[0]
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	if s.address == "" {
		s.t.Fatal("the server does not listen")
	}
}

func (s *server) stop() {
	if s.process.ProcessState == nil {
		_ = s.process.Process.Signal(syscall.SIGTERM)
		_ = s.process.Wait()
	}
}

func (s *server) submit(sql string) {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"sql": sql})
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.Post(s.address+"/v1/queries", "application/json", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	if answer, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusCreated {
		s.t.Fatalf("%s: %s", r.Status, answer)
	}
}

// metrics sums the samples of each family.
func (s *server) metrics() map[string]float64 {
	s.t.Helper()
	r, err := http.Get(s.address + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	sums := map[string]float64{}
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		n, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			continue
		}
		name, _, _ := strings.Cut(line[:at], "{")
		sums[name] += n
	}
	return sums
}

// await waits until a metric is what is wanted.
func (s *server) await(name string, want float64) map[string]float64 {
	s.t.Helper()
	for end := time.Now().Add(patience); ; {
		m := s.metrics()
		if m[name] == want {
			return m
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s is %v, not %v", name, m[name], want)
		}
	}
}

// connections counts the sockets of the process.
func (s *server) connections() (n int) {
	dir := fmt.Sprintf("/proc/%d/fd", s.process.Process.Pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range files {
		if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

func (s *server) tell(what string, began time.Time, m map[string]float64) {
	s.t.Logf("%-9s %6.1f s; per query: %6.0f KiB resident, %5.1f goroutines, %5.2f connections; %.0f files in all, %.1f s of CPU",
		what, time.Since(began).Seconds(), m["process_resident_memory_bytes"]/float64(*queries)/1024, m["go_goroutines"]/float64(*queries),
		float64(s.connections())/float64(*queries), m["process_open_fds"], m["process_cpu_seconds_total"])
}

// TestQueries submits queries one by one, gives each a row that only it reports,
// and starts the server again.
func TestQueries(t *testing.T) {
	if testing.Short() {
		t.Skip("a server and a real Kafka broker; not with -short")
	}
	k := kafkatest.Broker(t)
	in, out := k.Topic(t, 1), k.Topic(t, partitions)
	s := newServer(t)
	began := time.Now()
	s.submit(fmt.Sprintf(`CREATE TABLE payments (card BIGINT, kind INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector'='kafka', 'topic'='%s', 'properties.bootstrap.servers'='%s', 'format'='json', 'scan.startup.mode'='earliest-offset');
CREATE TABLE alerts (card BIGINT, kind INT) WITH ('connector'='kafka', 'topic'='%s', 'properties.bootstrap.servers'='%s', 'format'='json');`,
		in, k.Bootstrap, out, k.Bootstrap))
	for i := range *queries {
		s.submit(fmt.Sprintf(`CREATE QUERY rule%d AS INSERT INTO alerts SELECT * FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts
  MEASURES B.kind AS kind PATTERN (A B) WITHIN INTERVAL '1' MINUTE DEFINE A AS A.kind = %d, B AS B.kind = %d)`, i, i, i))
	}
	s.tell("submitted", began, s.metrics())
	began = time.Now()
	s.produce(k, in, "card BIGINT, kind INT, ts TIMESTAMP(3)", rowsFor(*queries))
	s.tell("detected", began, s.await("cepd_sink_rows_total", float64(*queries)))
	cpu := s.metrics()["process_cpu_seconds_total"]
	<-time.After(5 * time.Second) // to see what queries cost that have nothing to do
	m := s.metrics()
	t.Logf("idle: %.2f cores", (m["process_cpu_seconds_total"]-cpu)/5)
	if n := m["go_goroutines"] / float64(*queries); n > goroutinesPerQuery {
		t.Errorf("%.1f goroutines a query", n)
	}
	began = time.Now()
	s.stop()
	t.Logf("stopped   %6.1f s", time.Since(began).Seconds())
	began = time.Now()
	s.start()
	t.Logf("listens   %6.1f s", time.Since(began).Seconds())
	s.tell("restarted", began, s.await("cepd_query_running", float64(*queries)))
}

// TestOverload has ten times the rows that a query may write in the time: memory
// stays, the lag shows and goes, and each row is written once.
func TestOverload(t *testing.T) {
	if testing.Short() {
		t.Skip("a server and a real Kafka broker; not with -short")
	}
	const size, seconds = 4 << 10, 5
	k := kafkatest.Broker(t)
	in, out := k.Topic(t, partitions), k.Topic(t, partitions)
	s := newServer(t)
	var text strings.Builder
	for i := range *rows {
		fmt.Fprintf(&text, `{"card":%d,"note":"%s"}`+"\n", i, strings.Repeat("x", size))
	}
	s.produce(k, in, "card BIGINT, note STRING", text.String())
	before := s.metrics()["go_memstats_heap_inuse_bytes"]
	s.submit(fmt.Sprintf(`CREATE TABLE notes (card BIGINT, note STRING) WITH ('connector'='kafka', 'topic'='%s', 'properties.bootstrap.servers'='%s', 'format'='json',
  'scan.startup.mode'='earliest-offset', 'scan.fetch.max-bytes'='1048576');
CREATE TABLE lengths (card BIGINT, n INT) WITH ('connector'='kafka', 'topic'='%s', 'properties.bootstrap.servers'='%s', 'format'='json');
SET 'sink.max-rows-per-second' = '%d'; SET 'sink.buffer-max-bytes' = '10000';
INSERT INTO lengths SELECT card, CHAR_LENGTH(note) AS n FROM notes`, in, k.Bootstrap, out, k.Bootstrap, *rows/seconds))
	most, lagged := 0.0, false
	for end := time.Now().Add(patience); ; {
		m := s.metrics()
		most = max(most, m["go_memstats_heap_inuse_bytes"]-before)
		lagged = lagged || m["cepd_source_lag_records"] > 0
		if m["cepd_sink_rows_total"] == float64(*rows) {
			if lag := m["cepd_source_lag_records"]; lag != 0 {
				t.Errorf("at the end the lag is %v", lag)
			}
			t.Logf("rows waited for %.1f s", m["cepd_sink_paced_seconds_total"])
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v rows written", m["cepd_sink_rows_total"])
		}
	}
	t.Logf("%d MiB read, the heap grew by %.0f MiB", *rows*size>>20, most/(1<<20))
	if !lagged || most > 48<<20 {
		t.Errorf("the lag was seen: %v; the heap grew by %.0f bytes", lagged, most)
	}
	got := k.Tool(t, "", "org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", k.Bootstrap, "--topic", out)
	sum := 0
	for _, line := range strings.Fields(got) {
		n, err := strconv.Atoi(line[strings.LastIndexByte(line, ':')+1:])
		if err != nil {
			t.Fatal(got)
		}
		sum += n
	}
	if sum != *rows {
		t.Errorf("%d rows in the topic, not %d", sum, *rows)
	}
}

// rowsFor are two rows of each kind, for its query to find.
func rowsFor(queries int) string {
	var text strings.Builder
	for round := range 2 {
		for i := range queries {
			fmt.Fprintf(&text, `{"card":%d,"kind":%d,"ts":"2026-01-01 00:00:%02d"}`+"\n", i, i, round)
		}
	}
	text.WriteString(`{"card":0,"kind":-1,"ts":"2026-01-01 00:10:00"}` + "\n")
	return text.String()
}

// produce writes rows to a topic.
func (s *server) produce(k *kafkatest.Kafka, topic, columns, rows string) {
	s.t.Helper()
	sql := fmt.Sprintf(`CREATE TABLE rows_of (%s) WITH ('connector'='file', 'path'='rows.jsonl', 'format'='json');
CREATE TABLE there (%s) WITH ('connector'='kafka', 'topic'='%s', 'properties.bootstrap.servers'='%s', 'format'='json');
INSERT INTO there SELECT * FROM rows_of;`, columns, columns, topic, k.Bootstrap)
	for name, content := range map[string]string{"rows.jsonl": rows, "rows.sql": sql} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	run := exec.Command(cepdtest.Program(s.t), "run", "rows.sql")
	run.Dir = s.dir
	if out, err := run.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}
