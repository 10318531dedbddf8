package page

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/api/auth"
	"github.com/cepd/cepd/internal/cepdtest"
)

var shots = flag.String("shots", "", "folder for a picture of each test's end")

var rate = flag.Int("rate", 0, "events per second: measures how the page responds under them, in place of the tests")

const uiDir = "../../../ui"

// fast is a query under load.
const fast = `
CREATE TABLE ticks (card INT, amount DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen', 'rows-per-second' = '%d', 'fields.card.min' = '1', 'fields.card.max' = '1000');
CREATE TABLE rises (card INT, low DOUBLE, high DOUBLE) WITH ('connector' = 'blackhole');
INSERT INTO rises SELECT card, low, high FROM ticks MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY ts MEASURES A.amount AS low, B.amount AS high
  PATTERN (A B+ C) WITHIN INTERVAL '1' MINUTE DEFINE B AS B.amount > A.amount, C AS C.amount < A.amount)`

// TestPage runs the scenes of ui/e2e, each against a server of its own: writing a
// rule, its views for everybody, and a team with roles.
func TestPage(t *testing.T) {
	b := newBrowser(t)
	program := cepdtest.Program(t)
	if *rate > 0 {
		t.Run("load", func(t *testing.T) {
			url := serve(t, program)
			submit(t, url, fmt.Sprintf(fast, *rate))
			b.play(t, "load", url, nil)
		})
		return
	}
	t.Run("writing", func(t *testing.T) { b.play(t, "writing", serve(t, program), nil) })
	t.Run("access", func(t *testing.T) {
		url := serve(t, program)
		submit(t, url, fmt.Sprintf(fast, 1000))
		b.play(t, "access", url, nil)
	})
	t.Run("team", func(t *testing.T) {
		config, log, tokens := team(t)
		b.play(t, "team", serve(t, program, "--config", config), tokens)
		t.Run("what was done, and refused, is written down", func(t *testing.T) { written(t, log) })
	})
}

// team is the configuration of a server with a token for each role, and its audit
// log.
func team(t *testing.T) (config, log string, tokens map[string]string) {
	dir := t.TempDir()
	list := filepath.Join(dir, "tokens.json")
	config, log, tokens = filepath.Join(dir, "cepd.yaml"), filepath.Join(dir, "audit.jsonl"), map[string]string{}
	for name, role := range map[string]auth.Role{"vera": auth.Viewer, "ann": auth.Author, "otto": auth.Operator} {
		text, token := auth.NewToken(name, role, time.Time{})
		tokens[role.String()] = text
		if err := auth.AddToken(list, token); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf("auth: {tokens_file: %s}\naudit: {file: %s}\n", list, log)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, log, tokens
}

// written holds the audit log against what the scene has done.
func written(t *testing.T, log string) {
	list, err := audit.Read(log, func(e *audit.Entry) bool { return e.Phase != audit.Attempt })
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for i := range list {
		e := &list[i]
		got[fmt.Sprint(e.Phase, " ", e.Who, " ", e.Action, " ", e.Status)] = true
		if e.Action == "end-instance" && e.Phase == audit.Done && e.Reason != "a false alarm" {
			t.Errorf("the reason is %q", e.Reason)
		}
	}
	for _, want := range []string{
		"refused  login 401", "refused vera drop-query 403", "refused vera end-instance 403", "refused ann end-instance 403", "refused ann raise-event 403",
		"done otto end-instance 200", "done otto raise-event 202", "done otto replace-query 200", "done otto create-shadow 201", "done otto promote-shadow 200",
	} {
		if !got[want] {
			t.Errorf("the log does not have: %s", want)
		}
	}
	if t.Failed() {
		t.Log(slices.Sorted(maps.Keys(got)))
	}
}

var listening = regexp.MustCompile(`address=(http://[0-9.:]+)`)

// serve starts a server on a port of its own; it gives its address.
func serve(t *testing.T, program string, flags ...string) string {
	flags = append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir()}, flags...)
	c := exec.CommandContext(t.Context(), program, flags...) //nolint:gosec // the test's own
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		for lines.Scan() { // until it has ended
		}
		_ = c.Wait()
	})
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	t.Fatal("the server has not said where it listens")
	return ""
}

// submit runs a text, whose query is called fast.
func submit(t *testing.T, url, sql string) {
	text, err := json.Marshal(map[string]string{"sql": sql, "name": "fast"})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(url+"/v1/queries", "application/json", bytes.NewReader(text)) //nolint:gosec // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusCreated {
		t.Fatal(answer.Status)
	}
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
	c := exec.Command("node", "e2e/run.mjs", path)
	c.Dir, c.Stderr = uiDir, os.Stderr
	c.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // for its profile
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
		_ = in.Close() // it closes the browser, which writes to its profile until then
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	})
	b := &browser{in: in, out: bufio.NewScanner(out)}
	b.out.Buffer(nil, 1<<20)
	return b
}

// play lets a scene run; each of its tests is one here.
func (b *browser) play(t *testing.T, scene, url string, tokens map[string]string) {
	line, err := json.Marshal(map[string]any{"scene": scene, "url": url, "shots": *shots, "tokens": tokens})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(b.in, "%s\n", line); err != nil {
		t.Fatal(err)
	}
	for b.out.Scan() {
		var said struct{ Test, Error, Note, Done string }
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
			if said.Note != "" {
				t.Log(said.Note)
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
