// Package cepdtest gives tests what those of several packages need: the program cepd,
// built as it is shipped, and once for all of them; the folder of the module; and
// whether the race detector is on; and how to wait.
package cepdtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program is the path of cepd, built of the sources as they are: of the packages that
// need it the first builds it, the others find it current.
func Program(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var program = sync.OnceValues(build)

// Await waits for a condition, a minute at most.
func Await(t testing.TB, ok func() bool) {
	t.Helper()
	over := time.After(time.Minute)
	for pause := time.Millisecond; !ok(); pause = min(2*pause, 20*time.Millisecond) {
		select {
		case <-over:
			t.Fatal("it does not come")
		case <-time.After(pause):
		}
	}
}

// build has the flags of `make build`, so that what that compiled is used. go build
// leaves a current program as it is.
func build() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".cache", "test", "cepd")
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close() // unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", path, "./cmd/cepd")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
}

// Root is the folder of the module, which the tests' own folder is in or below.
func Root() (string, error) {
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod at or above %q", start)
		}
	}
}

// start is the working directory before any test changes it.
var start, _ = os.Getwd()
