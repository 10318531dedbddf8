package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const numbersSQL = `CREATE TABLE a (x BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000', 'fields.x.kind' = 'sequence', 'fields.x.start' = '1', 'fields.x.end' = '1000000');
CREATE TABLE b (x BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE other (x BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO b /*+ NAME('numbers') */ SELECT x FROM a;`

func runs(t *testing.T, query, address string) {
	t.Helper()
	waitFor(t, func() bool {
		return strings.Contains(cepd([]string{"query", "status", query, "--server", address}, ""), query+": running")
	})
}

// contains runs a command and looks for parts of what it says.
func contains(t *testing.T, args []string, parts ...string) {
	t.Helper()
	out := cepd(args, "")
	for _, part := range parts {
		if !strings.Contains(out, part) {
			t.Errorf("%v: %q is not in\n%s", args, part, out)
		}
	}
}

// Savepoints of one server are restored in another, backups into a third.
func TestSavepointsAndBackups(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	writeTestFile(t, "q.sql", numbersSQL)
	address, stop := testServer(t, "data")
	expect(t, "exit 0\nquery numbers runs\n", "query", "submit", "q.sql", "--server", address)
	runs(t, "numbers", address)
	contains(t, []string{"savepoint", "create", "numbers", "--name", "s1", "--server", address}, "exit 0", "s1: query numbers after step", "a, partition 0, goes on at")
	contains(t, []string{"savepoint", "create", "numbers", "--name", "s1", "--server", address}, "exit 1", "a savepoint of this name already")
	contains(t, []string{"savepoint", "create", "none", "--server", address}, "exit 1", "there is no query")
	contains(t, []string{"savepoint", "create", "numbers", "--name", "../x", "--server", address}, "exit 1", "cannot name a savepoint")
	contains(t, []string{"savepoint", "list", "--server", address}, "exit 0", "s1")
	contains(t, []string{"savepoint", "describe", "s1", "--server", address}, "exit 0", "s1: query numbers")
	contains(t, []string{"savepoint", "restore", "s1", "--server", address}, "exit 1", "there is a query \"numbers\" already")
	contains(t, []string{"savepoint", "restore", "s1", "--query", "again", "--server", address}, "exit 0", "query again runs")
	runs(t, "again", address)
	to := "file://" + filepath.Join(dir, "backups")
	contains(t, []string{"backup", "create", "--server", address}, "exit 1", "where to?")
	contains(t, []string{"backup", "create", "--to", to, "--server", address}, "exit 0", "queries: numbers, again")
	contains(t, []string{"backup", "create", "--to", to, "--server", address}, "exit 0", "backup ")
	stop()

	contains(t, []string{"savepoint", "export", "s1", "--data-dir", "data", "--to", "copy"}, "exit 0", "s1: query numbers")
	contains(t, []string{"savepoint", "import", "copy/s1.savepoint", "--data-dir", "data2", "--name", "s2"}, "exit 0", "s2: query numbers")
	address, stop = testServer(t, "data2")
	contains(t, []string{"savepoint", "restore", "s2", "--server", address}, "exit 0", "query numbers runs")
	runs(t, "numbers", address)
	contains(t, []string{"query", "drop", "numbers", "--server", address}, "exit 0")
	writeTestFile(t, "q2.sql", "INSERT INTO b /*+ NAME('numbers') */ SELECT x FROM a;")
	contains(t, []string{"query", "submit", "q2.sql", "--from-savepoint", "s2", "--server", address}, "exit 0", "query numbers runs")
	writeTestFile(t, "q3.sql", "INSERT INTO b /*+ NAME('changed') */ SELECT x + 1 AS x FROM a;")
	contains(t, []string{"query", "submit", "q3.sql", "--from-savepoint", "s2", "--server", address}, "exit 1", "made by another text")
	contains(t, []string{"query", "submit", "q3.sql", "--server", address}, "exit 0") // nothing of it is left
	contains(t, []string{"savepoint", "drop", "s2", "--server", address}, "exit 0")
	contains(t, []string{"savepoint", "drop", "s2", "--server", address}, "exit 1", "there is no such savepoint")
	stop()

	contains(t, []string{"backup", "create", "--to", to, "--data-dir", "data"}, "exit 0", "queries: again, numbers")
	contains(t, []string{"backup", "verify", "--from", to}, "exit 0", "is whole")
	contains(t, []string{"backup", "prune", "--from", to, "--keep", "1"}, "exit 0", "2 backups deleted")
	contains(t, []string{"backup", "list", "--from", to}, "exit 0", "again numbers")
	contains(t, []string{"backup", "restore", "--from", to, "--data-dir", "data"}, "exit 1", "not empty")
	contains(t, []string{"backup", "restore", "--from", to, "--data-dir", "data3", "--sinks", "deduplicate"}, "exit 0", "data3 has what was there")
	contains(t, []string{"state", "verify", "data3"}, "exit 0", "queries: again, numbers", "registry: 5 statements", "savepoint s1")
	contains(t, []string{"state", "sinks", "data3", "redeliver", "--query", "numbers"}, "exit 0", "redeliver: numbers")
	contains(t, []string{"state", "sinks", "data3", "redeliver", "--query", "x"}, "exit 1", "there is no state of a query")
	address, stop = testServer(t, "data3")
	defer stop()
	runs(t, "numbers", address)
	runs(t, "again", address)
	contains(t, []string{"savepoint", "list", "--server", address}, "exit 0", "s1")
}

// What is damaged is told, with the file and the way back, and nothing starts.
func TestDamagedDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", numbersSQL)
	address, stop := testServer(t, "data")
	expect(t, "exit 0\nquery numbers runs\n", "query", "submit", "q.sql", "--server", address)
	runs(t, "numbers", address)
	contains(t, []string{"savepoint", "create", "numbers", "--name", "s1", "--server", address}, "exit 0")
	stop()
	registry, err := os.ReadFile("data/registry.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cut":     string(registry[:len(registry)/2]),
		"changed": strings.Replace(string(registry), "SELECT x FROM a", "SELECT x FROM b", 1),
		"newer":   regexp.MustCompile(`"version": 2`).ReplaceAllString(string(registry), `"version": 8`),
		"empty":   "",
	} {
		writeTestFile(t, "data/registry.json", text)
		want := "cepd backup restore"
		if name == "newer" {
			want = "registry version 8, this one reads up to version 3"
		}
		contains(t, []string{"state", "verify", "data"}, "exit 1", "data/registry.json", want)
		contains(t, []string{"serve", "--data-dir", "data", "--listen", "127.0.0.1:0"}, "exit 1", "data/registry.json", want)
	}
	writeTestFile(t, "data/registry.json", string(registry))
	contains(t, []string{"state", "verify", "data"}, "exit 0", "registry: 4 statements")
	writeTestFile(t, "data/savepoints/s1.savepoint", "cepd savepoint\nrubbish")
	contains(t, []string{"state", "verify", "data"}, "exit 1", "s1.savepoint", "damaged: take another one")
	contains(t, []string{"savepoint", "verify", "data/savepoints/s1.savepoint"}, "exit 1", "damaged: take another one")
	contains(t, []string{"savepoint", "restore", "s1"}, "exit 1")
}

// A run leaves savepoints when it is stopped, and begins with them.
func TestRunWithSavepoints(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", strings.Replace(numbersSQL, "'blackhole'", "'stdout', 'format' = 'json'", 1))
	expect(t, "exit 2\nstderr:\ncepd: --savepoint and --from-savepoint need --data-dir\n", "run", "q.sql", "--savepoint", "s")
	interrupted(t, "savepoint written: s/numbers.savepoint", "run", "q.sql", "--data-dir", "one", "--savepoint", "s")
	contains(t, []string{"savepoint", "verify", "s/numbers.savepoint"}, "exit 0", "numbers: query numbers")
	interrupted(t, "savepoint written: s2/numbers.savepoint", "run", "q.sql", "--data-dir", "two", "--from-savepoint", "s", "--savepoint", "s2")
	first, second := position(t, "s"), position(t, "s2")
	if first == "0" || len(second) < len(first) {
		t.Errorf("the first run ends at %s, the second at %s", first, second)
	}
}

// interrupted runs a command until it has written something, then as at SIGTERM.
func interrupted(t *testing.T, want string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var errs bytes.Buffer
	code := execute(ctx, args, stdio{in: strings.NewReader(""), out: writerFunc(cancel), err: &errs})
	if code != exitGood || !strings.Contains(errs.String(), want) {
		t.Errorf("%v: exit %d\n%s", args, code, &errs)
	}
}

// writerFunc is called by every write.
type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

func position(t *testing.T, dir string) string {
	t.Helper()
	out := cepd([]string{"savepoint", "verify", filepath.Join(dir, "numbers.savepoint")}, "")
	m := regexp.MustCompile(`goes on at (\d+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatal(out)
	}
	return m[1]
}
