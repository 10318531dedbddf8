package page

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
)

var shots = flag.String("shots", "", "folder for a picture of each test's end")

const uiDir = "../../../ui"

// fast is a query under load.
const fast = `
CREATE TABLE ticks (card INT, amount DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'rows-per-second' = '1000', 'fields.card.min' = '1', 'fields.card.max' = '50');
CREATE TABLE rises (card INT, low DOUBLE, high DOUBLE) WITH ('connector' = 'blackhole');
INSERT INTO rises SELECT card, low, high FROM ticks MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts MEASURES A.amount AS low, B.amount AS high
  PATTERN (A B+ C) WITHIN INTERVAL '1' MINUTE DEFINE B AS B.amount > A.amount, C AS C.amount < A.amount)`

// logins are three failures and a success of ann, three failures of bob.
const logins = `ann,false,2026-01-31 12:00:00
ann,false,2026-01-31 12:00:10
bob,false,2026-01-31 12:00:11
ann,false,2026-01-31 12:00:20
bob,false,2026-01-31 12:00:21
ann,true,2026-01-31 12:00:30
bob,false,2026-01-31 12:00:31
eve,true,2026-01-31 12:01:00
`

// TestPage runs the scenes of ui/e2e, each against a server of its own.
func TestPage(t *testing.T) {
	b := newBrowser(t)
	for _, scene := range []struct{ name, sql string }{{"writing", ""}, {"access", fast}} {
		t.Run(scene.name, func(t *testing.T) { b.play(t, scene.name, newServer(t, scene.sql)) })
	}
}

// newServer serves on a port of its own and runs a text; it gives its address.
func newServer(t *testing.T, sql string) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "logins.csv"), []byte(logins), 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	metrics := prometheus.NewRegistry()
	e, err := engine.New(engine.Options{Registry: all.New(), Metrics: metrics, Dir: dir, DataDir: filepath.Join(dir, "state"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s, err := api.NewService(dir, api.EngineRunner{Engine: e}, log)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- api.Serve(ctx, l, api.NewHandler(s, metrics, "v1.2.3", api.Protection{}), nil, log)
	}()
	t.Cleanup(func() {
		cancel()
		<-served // streams that do not end are cut off
		end, stop := context.WithTimeout(context.Background(), time.Minute)
		defer stop()
		if err := s.Close(end); err != nil {
			t.Error(err)
		}
	})
	if sql != "" {
		if _, err := s.Submit(&api.Submission{SQL: sql, Name: "fast"}); err != nil {
			t.Fatal(err)
		}
	}
	return "http://" + l.Addr().String()
}

// browser is Chromium, with a script that uses it.
type browser struct {
	in  io.Writer
	out *bufio.Scanner
}

// need says that something is missing: a reason to skip, but not where all is
// tested.
func need(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what + ": scripts/need-browser.sh installs it")
	}
	t.Skip(what + ": scripts/need-browser.sh installs it")
}

// needNode makes sure that npm's packages are there.
func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		need(t, "there is no Node")
	}
	if _, err := os.Stat(filepath.Join(uiDir, "node_modules", "playwright-core")); err != nil {
		need(t, "the packages of the page are not installed")
	}
}

func newBrowser(t *testing.T) *browser {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	needNode(t)
	path, err := exec.LookPath("chromium")
	if err != nil {
		need(t, "there is no Chromium")
	}
	c := exec.CommandContext(t.Context(), "node", "e2e/run.mjs", path)
	c.Dir, c.Stderr = uiDir, os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := c.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	b := &browser{in: in, out: bufio.NewScanner(out)}
	b.out.Buffer(nil, 1<<20)
	return b
}

// play lets a scene run; each of its tests is one here.
func (b *browser) play(t *testing.T, scene, url string) {
	line, err := json.Marshal(map[string]string{"scene": scene, "url": url, "shots": *shots})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(b.in, "%s\n", line); err != nil {
		t.Fatal(err)
	}
	for b.out.Scan() {
		var said struct{ Test, Error, Done string }
		if err := json.Unmarshal(b.out.Bytes(), &said); err != nil {
			t.Fatalf("%s: %v", b.out.Text(), err)
		}
		if said.Done != "" {
			return
		}
		t.Run(said.Test, func(t *testing.T) {
			if said.Error != "" {
				t.Error(said.Error)
			}
		})
	}
	t.Fatal("the browser's script has ended")
}

// TestUnits runs the type checker and the unit tests of the page.
func TestUnits(t *testing.T) {
	needNode(t)
	run := func(t *testing.T, args ...string) string {
		c := exec.CommandContext(t.Context(), "node", args...)
		c.Dir = uiDir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return string(out)
	}
	t.Run("types", func(t *testing.T) { run(t, "node_modules/typescript/bin/tsc", "--noEmit") })
	for line := range strings.Lines(run(t, "scripts/test.mjs")) {
		if result, name, ok := strings.Cut(strings.TrimSpace(line), " - "); ok && strings.Contains(result, "ok ") {
			t.Run(name, func(t *testing.T) {
				if strings.HasPrefix(result, "not ") {
					t.Error("see above")
				}
			})
		}
	}
}
