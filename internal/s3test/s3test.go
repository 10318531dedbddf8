// Package s3test runs a server that speaks S3 for tests: the Versity S3 Gateway, over a
// folder of the test's own.
package s3test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/cepdtest"
)

// AccessKey and SecretKey are those of who may do everything.
const (
	AccessKey = "tester"
	SecretKey = "of the tests"
)

// Server is a server, which can be stopped and started again.
type Server struct {
	URL string

	t       testing.TB
	program string
	dir     string
	port    int
	server  *exec.Cmd
}

// Start runs a server, if the gateway has been built; else the test is skipped, or fails
// where everything has to be there.
func Start(t testing.TB) *Server {
	t.Helper()
	root, err := cepdtest.Root()
	if err != nil {
		t.Fatal(err)
	}
	found, _ := filepath.Glob(filepath.Join(root, ".cache", "versitygw-*"))
	if len(found) == 0 {
		const why = "there is no S3 gateway: scripts/need-s3.sh builds it"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	s := &Server{t: t, program: found[len(found)-1], dir: t.TempDir()}
	for _, name := range []string{"data", "meta"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	s.URL = "http://127.0.0.1:" + strconv.Itoa(s.port)
	s.Up()
	t.Cleanup(s.Down)
	return s
}

// Bucket makes an empty bucket.
func (s *Server) Bucket(name string) {
	s.t.Helper()
	if err := os.Mkdir(filepath.Join(s.dir, "data", name), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// Up starts the server and waits for it. What the file system does not keep beside a file
// is kept in a folder, so that any will do.
func (s *Server) Up() {
	s.t.Helper()
	s.server = exec.Command(s.program, "--port", fmt.Sprintf("127.0.0.1:%d", s.port), "--quiet", "--health", "/health",
		"posix", "--sidecar", filepath.Join(s.dir, "meta"), filepath.Join(s.dir, "data"))
	s.server.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+AccessKey, "ROOT_SECRET_KEY="+SecretKey)
	if err := s.server.Start(); err != nil {
		s.t.Fatal(err)
	}
	deadline, look := time.After(2*time.Minute), time.NewTicker(20*time.Millisecond)
	defer look.Stop()
	for !s.healthy() {
		select {
		case <-look.C:
		case <-deadline:
			s.t.Fatal("the S3 gateway does not start")
		}
	}
}

func (s *Server) healthy() bool {
	answer, err := http.Get(s.URL + "/health")
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// Down kills it.
func (s *Server) Down() {
	_ = s.server.Process.Kill()
	_ = s.server.Wait()
}
