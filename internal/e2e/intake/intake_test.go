package intake

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
)

const statements = `CREATE TABLE orders (n BIGINT, place BIGINT METADATA FROM 'offset' VIRTUAL, headers MAP<STRING, BYTES> METADATA VIRTUAL, ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL, WATERMARK FOR ts AS ts)
  WITH ('connector' = 'http', 'format' = 'json');
CREATE TABLE rates (kind INT, rate INT, since TIMESTAMP_LTZ(3) METADATA FROM 'valid-from' VIRTUAL, version BIGINT METADATA VIRTUAL,
  WATERMARK FOR since AS since, PRIMARY KEY (kind) NOT ENFORCED) WITH ('connector' = 'parameters');
CREATE TABLE seen (n BIGINT, place BIGINT, version BIGINT, kind STRING) WITH ('connector' = 'file', 'path' = 'seen.jsonl', 'format' = 'json');`

const insert = `INSERT INTO seen /*+ NAME('all') */ SELECT o.n, o.place, r.version, CAST(o.headers['ce-type'] AS STRING) FROM orders AS o
  LEFT JOIN rates FOR SYSTEM_TIME AS OF o.ts AS r ON r.kind = o.n * 0;`

type row struct {
	N, Place, Version int64
	Kind              string
}

// server is a process.
type server struct {
	t       *testing.T
	bin     string
	dir     string
	address atomic.Value // string
	cmd     *exec.Cmd
	done    chan error
}

func newServer(t *testing.T) *server {
	s := &server{t: t, bin: cepdtest.Program(t), dir: t.TempDir()}
	s.start()
	t.Cleanup(s.kill)
	return s
}

var listening = regexp.MustCompile(`address=(http://[0-9.:]+)`)

// start starts the process and waits for its address.
func (s *server) start() {
	s.cmd = exec.Command(s.bin, "serve", "--data-dir", s.dir, "--listen", "127.0.0.1:0")
	log, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			s.address.Store(m[1])
			break
		}
	}
	s.done = make(chan error, 1)
	go func() {
		_, _ = io.Copy(io.Discard, log)
		s.done <- s.cmd.Wait()
	}()
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// call sends a request to the process as it is now; code 0: no answer.
func (s *server) call(method, path, body string, header ...string) (code int, text []byte) {
	r, err := http.NewRequest(method, s.address.Load().(string)+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil
	}
	return resp.StatusCode, text
}

// post posts until it is answered, as senders do, and gives the offset.
func (s *server) post(n int64) (offset int64) {
	cepdtest.Await(s.t, func() bool {
		code, text := s.call(http.MethodPost, "/v1/tables/orders/events", fmt.Sprintf(`{"n":%d}`, n), "Idempotency-Key", fmt.Sprint("order-", n), "ce-type", fmt.Sprint("ex%C3%A4mple.", n))
		if code != http.StatusAccepted {
			return false
		}
		var out struct{ Events []struct{ ID string } }
		if err := json.Unmarshal(text, &out); err != nil || len(out.Events) != 1 {
			s.t.Errorf("%s", text)
			return true
		}
		_, place, _ := strings.Cut(out.Events[0].ID, "-")
		offset, _ = strconv.ParseInt(place, 10, 64)
		return true
	})
	return offset
}

// rows are the rows of the sink, by offset.
func (s *server) rows() map[int64]row {
	text, _ := os.ReadFile(filepath.Join(s.dir, "files", "seen.jsonl"))
	rows := map[int64]row{}
	for line := range bytes.Lines(text) {
		var r row
		if json.Unmarshal(line, &r) != nil {
			continue // written half when the process was killed; it is delivered again
		}
		if before, known := rows[r.Place]; known && before != r {
			s.t.Errorf("offset %d is %+v and %+v", r.Place, before, r)
		}
		rows[r.Place] = r
	}
	return rows
}

// TestKillLosesNoEvent kills the server while many post: what was answered is
// there once, reaches the query, and is judged by the parameters once, also where
// it is delivered again. Those that are there before the query are there for its
// first row.
func TestKillLosesNoEvent(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of a server process; not with -short")
	}
	s := newServer(t)
	s.submit(statements)
	s.setRate(1)
	first := s.post(-1)
	s.submit(insert)
	const senders, each = 4, 100
	var mu sync.Mutex
	places := map[int64]int64{} // by offset
	var posted atomic.Int64
	var wg sync.WaitGroup
	for w := range int64(senders) {
		wg.Go(func() {
			for i := range int64(each) {
				n := w*each + i
				at := s.post(n)
				mu.Lock()
				if other, taken := places[at]; taken {
					t.Errorf("offset %d is order %d and order %d", at, other, n)
				}
				places[at] = n
				mu.Unlock()
				posted.Add(1)
			}
		})
	}
	for kill := range int64(4) {
		cepdtest.Await(t, func() bool { return posted.Load() >= (kill+1)*senders*each/6 })
		s.kill()
		s.start()
		s.setRate(kill + 2)
	}
	wg.Wait()
	last := s.post(-2) // in whose time those before it are over
	cepdtest.Await(t, func() bool { return int64(len(s.rows())) >= last })
	rows := s.rows()
	if len(places) != senders*each || first != 0 || last != senders*each+1 {
		t.Errorf("%d places of %d orders, from %d to %d", len(places), senders*each, first, last)
	}
	for at, n := range places {
		if rows[at].N != n || rows[at].Kind != fmt.Sprint("exämple.", n) {
			t.Errorf("offset %d: order %d was answered, %+v is there", at, n, rows[at])
		}
	}
	var version int64 = 1
	for at := first; at < last; at++ {
		if v := rows[at].Version; v < version {
			t.Errorf("offset %d was judged by version %d, the one before by %d", at, v, version)
		} else {
			version = v
		}
	}
	if version != 5 {
		t.Errorf("the last version is %d", version)
	}
}

func (s *server) submit(sql string) {
	s.t.Helper()
	text, _ := json.Marshal(map[string]string{"sql": sql})
	if code, answer := s.call(http.MethodPost, "/v1/queries", string(text)); code != http.StatusCreated {
		s.t.Fatalf("%d %s", code, answer)
	}
}

func (s *server) setRate(n int64) {
	s.t.Helper()
	if code, answer := s.call(http.MethodPut, "/v1/tables/rates/parameters/0", fmt.Sprintf(`{"values":{"rate":%d}}`, n)); code != http.StatusOK {
		s.t.Fatalf("%d %s", code, answer)
	}
}
