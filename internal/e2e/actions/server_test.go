package actions

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
)

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
	s.cmd.Env = append(os.Environ(), "CEPD_SECRET_LINKS=sesame")
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

// url is a path of the process as it is now.
func (s *server) url(path string) string { return s.address.Load().(string) + path }

// call sends a request; code 0: no answer.
func (s *server) call(method, url, body string, header ...string) (code int, text string) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(answer)
}

func (s *server) submit(sql string) {
	s.t.Helper()
	text, _ := json.Marshal(map[string]string{"sql": sql})
	if code, answer := s.call(http.MethodPost, s.url("/v1/queries"), string(text), "Content-Type", "application/json"); code != http.StatusCreated {
		s.t.Fatalf("%d %s", code, answer)
	}
}

// post posts an event until that is answered, as senders do.
func (s *server) post(table, key, event string) {
	cepdtest.Await(s.t, func() bool {
		code, _ := s.call(http.MethodPost, s.url("/v1/tables/"+table+"/events"), event, "Content-Type", "application/json", "Idempotency-Key", key)
		return code == http.StatusAccepted
	})
}

// taken is a request that a service has taken.
type taken struct{ path, key, body string }

// service is what the server calls. It takes all but those that it fails.
type service struct {
	fail func() bool // under the lock
	url  string

	mu   sync.Mutex
	list []taken
}

func newService(t *testing.T, fail func() bool) *service {
	s := &service{fail: fail}
	web := httptest.NewServer(s)
	s.url = web.URL
	t.Cleanup(web.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.list = append(s.list, taken{r.URL.Path, r.Header.Get("Idempotency-Key"), string(body)})
}

func (s *service) taken() []taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}
