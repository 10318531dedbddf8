package lake

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
)

// toDisk writes many small transactions, at once.
const toDisk = `CREATE TABLE events (n BIGINT NOT NULL, region STRING) WITH ('connector' = 'file', 'path' = 'events.jsonl', 'format' = 'json');
CREATE TABLE lake (n BIGINT NOT NULL, region STRING) PARTITIONED BY (region) WITH ('connector' = 'filesystem', 'path' = 'lake', 'format' = 'parquet',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.rolling-policy.buffer-size' = '200 kb');
INSERT INTO lake SELECT n, region FROM events;
`

// TestFullDisk writes to a small disk that becomes full: cepd ends and says why, no
// row is there twice, and with room again the next run completes the table.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("mounts a disk and runs processes; not with -short")
	}
	if os.Getenv(mounts) == "" {
		inside(t)
		return
	}
	dir := t.TempDir()
	lake := filepath.Join(dir, "lake")
	private := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") // nobody else is to see the disk
	if err := errors.Join(private, os.Mkdir(lake, 0o700), syscall.Mount("tmpfs", lake, "tmpfs", 0, "size=8m")); err != nil {
		t.Skipf("no disk can be mounted here: %v", err)
	}
	defer syscall.Unmount(lake, syscall.MNT_DETACH) //nolint:errcheck // it goes with the namespace
	var in bytes.Buffer
	for n := range events {
		fmt.Fprintf(&in, "{\"n\":%d,\"region\":\"r%d\"}\n", n, n%4)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "q.sql"), []byte(toDisk), 0o600), os.WriteFile(filepath.Join(dir, "events.jsonl"), in.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(lake, "_ballast")
	for _, room := range []int64{0, 64 << 10, 200 << 10} {
		leave(t, ballast, room)
		out, err := once(t, dir)
		if err == nil || !strings.Contains(out, syscall.ENOSPC.Error()) || !strings.Contains(out, "lake") {
			t.Errorf("with room for %d bytes it ends with %v\n%s", room, err, out)
		}
		t.Logf("%d bytes: %s", room, out)
		count(t, dir, false)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if out, err := once(t, dir); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%d rows in %d files", events, count(t, dir, true))
}

// mounts tells a test that it runs where it may mount a disk.
const mounts = "CEPD_LAKE_MOUNTS"

// inside runs the test again where it may mount a disk that nobody else sees.
func inside(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), mounts+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	runtime.LockOSThread() // the child ends with the thread that made it
	out, err := cmd.CombinedOutput()
	runtime.UnlockOSThread()
	exit := new(exec.ExitError)
	switch {
	case err != nil && !errors.As(err, &exit):
		t.Skipf("no namespaces here: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	}
	t.Logf("%s", out)
}

// leave fills the disk but for some room.
func leave(t *testing.T, ballast string, room int64) {
	t.Helper()
	f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	info, failed := f.Stat()
	if failed != nil || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(errors.Join(err, failed))
	}
	if err := os.Truncate(ballast, info.Size()-room); err != nil {
		t.Fatal(err)
	}
}

// once runs cepd to its end.
func once(t *testing.T, dir string) (out string, err error) {
	cmd := exec.Command(cepdtest.Program(t), "run", filepath.Join(dir, "q.sql"), "--data-dir", filepath.Join(dir, "state"))
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	return string(text), err
}
