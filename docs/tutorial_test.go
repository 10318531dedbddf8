package docs

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/cepdtest"
)

// TestTutorial does what tutorial.md says, block by block, with a real server, and
// compares what it prints. The server listens at another port, for the one of the
// page may be taken.
func TestTutorial(t *testing.T) {
	p := readPage(t, "tutorial.md")
	dir := t.TempDir()
	p.writeFiles(t, dir)
	address := freeAddress(t)
	t.Cleanup(func() { stopServer(dir) })
	for i, b := range p.blocks {
		if b.lang+" "+b.kind != "sh tutorial" {
			continue
		}
		text := strings.ReplaceAll(p.text(b), "cepd serve", "cepd serve --listen "+address)
		text = strings.ReplaceAll(text, "127.0.0.1:8080", address)
		out, err := tutorialShell(t, dir, address, text)
		if p.compare(t, i, strings.ReplaceAll(out, address, "127.0.0.1:8080"), err == nil); t.Failed() {
			return
		}
	}
	if rewriting() {
		p.save(t)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// tutorialShell runs a block as a person at a terminal would.
func tutorialShell(t *testing.T, dir, address, text string) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(cepdtest.Program(t))+":"+os.Getenv("PATH"), "CEPD_SERVER=http://"+address)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// stopServer ends the server of a tutorial that went wrong.
func stopServer(dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "server.pid"))
	if err != nil {
		return
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill() // it may have ended
		}
	}
}
