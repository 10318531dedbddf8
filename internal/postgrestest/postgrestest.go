// Package postgrestest runs PostgreSQL for tests, a server of the test's own.
package postgrestest

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// User is the superuser of a server, who needs no password.
const User = "tester"

// Server is a server, which can be stopped and started again.
type Server struct {
	Port int
	DB   *sql.DB // of database postgres

	t       *testing.T
	program string
	dir     string
	attr    *syscall.SysProcAttr
	server  *exec.Cmd
}

// Start runs a server with logical replication, if PostgreSQL is installed; else the
// test is skipped, or fails where everything has to be there.
func Start(t *testing.T) *Server {
	t.Helper()
	initdb, postgres := find("initdb"), find("postgres")
	if initdb == "" || postgres == "" {
		missing(t, "PostgreSQL is not installed: scripts/need-postgres.sh does it")
	}
	dir, err := os.MkdirTemp("", "cepd-postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{t: t, program: postgres, dir: dir, attr: &syscall.SysProcAttr{}}
	if os.Getuid() == 0 { // it does not run as root
		s.unprivileged()
	}
	create := exec.Command(initdb, "-D", filepath.Join(dir, "data"), "-U", User, "-A", "trust", "-N", "--no-instructions")
	create.Dir, create.SysProcAttr = dir, s.attr
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	s.DB = s.Open("postgres")
	s.Up()
	t.Cleanup(s.Down)
	return s
}

func (s *Server) unprivileged() {
	u, err := user.Lookup("postgres")
	if err != nil {
		missing(s.t, "PostgreSQL does not run as root, and there is no user postgres")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(s.dir, uid, gid); err != nil {
		s.t.Fatal(err)
	}
	s.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// find finds one of PostgreSQL's programs, which Debian does not put into the PATH.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if list, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

// missing skips a test, but not where everything has to be there.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Open opens a database of the server.
func (s *Server) Open(database string) *sql.DB {
	s.t.Helper()
	db, err := sql.Open("pgx", fmt.Sprintf("postgresql://%s@127.0.0.1:%d/%s", User, s.Port, database))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	return db
}

// Up starts the server, with settings besides those of all, and waits for it.
func (s *Server) Up(settings ...string) {
	s.t.Helper()
	args := []string{"-D", filepath.Join(s.dir, "data"), "-p", strconv.Itoa(s.Port)}
	for _, x := range append([]string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "wal_level=logical"}, settings...) {
		args = append(args, "-c", x)
	}
	s.server = exec.Command(s.program, args...)
	s.server.Dir, s.server.SysProcAttr = s.dir, s.attr
	if err := s.server.Start(); err != nil {
		s.t.Fatal(err)
	}
	deadline, tick := time.After(2*time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for err := s.DB.Ping(); err != nil; err = s.DB.Ping() { // it has no other sign of being up
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatal(err)
		}
	}
}

// File puts a file beside the server's data, for it alone, and gives its path.
func (s *Server) File(name string, content []byte) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	if c := s.attr.Credential; c != nil {
		if err := os.Chown(path, int(c.Uid), int(c.Gid)); err != nil {
			s.t.Fatal(err)
		}
	}
	return path
}

// Down stops it at once: connections break, open transactions are gone.
func (s *Server) Down() {
	_ = s.server.Process.Signal(syscall.SIGQUIT)
	_ = s.server.Wait()
}
