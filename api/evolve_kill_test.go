package api

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/internal/cepdtest"
)

// growingAt tells this test, run as a process of its own, the broker and the directory
// of the server that it is.
const growingAt = "CEPD_GROWING_AT"

const growingOnce = `CREATE TABLE t (id BIGINT) WITH (BROKER, 'topic' = 'in', 'scan.startup.mode' = 'earliest-offset', 'schema.evolution' = 'add');
CREATE TABLE old (id BIGINT) WITH (BROKER, 'topic' = 'old', 'sink.delivery-guarantee' = 'exactly-once');
INSERT INTO old SELECT * FROM t;`

// TestKillWhileColumnsAreAdded kills the server with SIGKILL when it has written a column
// to the registry and has done nothing with it, and again when it runs with it: the
// column is there once, the query of before delivers each row once, without it, and one
// submitted behind reads it.
func TestKillWhileColumnsAreAdded(t *testing.T) {
	if at := os.Getenv(growingAt); at != "" {
		serveGrowing(t, at)
		return
	}
	g := &growing{t: t, dir: t.TempDir()}
	g.broker()
	first := g.process()
	g.send(`{"id": 1, "note": "x"}`, `{"id": 2}`)
	first.killed()
	if phases := g.phases(); !slices.Equal(phases, []string{audit.Attempt}) {
		t.Fatalf("it was not killed in between: %q", phases)
	}
	second := g.process()
	g.send(`{"id": 3, "note": "y"}`)
	g.committed("old", `{"id":1}`, `{"id":2}`, `{"id":3}`)
	_ = second.cmd.Process.Kill()
	second.killed()
	g.start()
	g.send(`{"id": 4, "note": "z"}`)
	cepdtest.Await(t, func() bool { return g.added("old", "note") })
	g.service.addFields(t.Context())
	if table, err := g.service.Table("t"); err != nil || shape(&table) != "id BIGINT, note STRING" || len(table.Added) != 1 || !slices.Equal(table.Behind, []string{"old"}) {
		t.Errorf("%+v, %v", table, err)
	}
	if phases := g.phases(); !slices.Equal(phases, []string{audit.Attempt}) {
		t.Errorf("it was done again: %q", phases)
	}
	g.submit("CREATE TABLE new (id BIGINT, note STRING) WITH (BROKER, 'topic' = 'new', 'sink.delivery-guarantee' = 'exactly-once'); INSERT INTO new SELECT * FROM t")
	g.committed("new", `{"id":1,"note":"x"}`, `{"id":2,"note":null}`, `{"id":3,"note":"y"}`, `{"id":4,"note":"z"}`)
	g.committed("old", `{"id":1}`, `{"id":2}`, `{"id":3}`, `{"id":4}`)
	g.stop()
}

// serveGrowing is the server. It kills itself between a column in the registry and the
// audit entry that it has been added: there it asks for the time.
func serveGrowing(t *testing.T, at string) {
	addr, dir, _ := strings.Cut(at, ",")
	g := &growing{t: t, addr: addr, dir: dir}
	g.start()
	g.service.starts.settled()
	if registry := filepath.Join(dir, registryName); len(g.service.statements()) == 0 {
		g.service.now = func() time.Time {
			if text, _ := os.ReadFile(registry); bytes.Contains(text, []byte("ALTER TABLE")) {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return time.Now()
		}
		g.submit(growingOnce)
	}
	each(t.Context(), time.Millisecond, func() { g.service.addFields(t.Context()) })
}

// growingProcess is a server in a process of its own.
type growingProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan error
	out  bytes.Buffer
}

func (g *growing) process() *growingProcess {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	p := &growingProcess{t: g.t, cmd: exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKillWhileColumnsAreAdded$"), done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), growingAt+"="+g.addr+","+g.dir)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	g.t.Cleanup(cancel)
	return p
}

// killed waits until the process is killed, and demands that it was.
func (p *growingProcess) killed() {
	p.t.Helper()
	err := <-p.done
	exit := new(exec.ExitError)
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		p.t.Fatalf("%v\n%s", err, &p.out)
	}
}

// phases are those of what the audit log has of added columns.
func (g *growing) phases() (phases []string) {
	g.t.Helper()
	list, err := audit.Read(filepath.Join(g.dir, "audit.jsonl"), func(e *audit.Entry) bool { return e.Action == "add-columns" })
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range list {
		phases = append(phases, e.Phase)
	}
	return phases
}

// added says whether a query tells that a field has become a column.
func (g *growing) added(query, field string) bool {
	status := g.service.statusOf(query)
	return len(status.Sources) > 0 && status.Sources[0].Difference != nil && slices.Contains(status.Sources[0].Difference.Added, field)
}

// committed demands that the committed records of a topic are these, in order.
func (g *growing) committed(topic string, want ...string) {
	g.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(g.addr), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		g.t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	var got []string
	for len(got) < len(want) {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			g.t.Fatalf("%s: %v after %v", topic, err, got)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if !slices.Equal(got, want) {
		g.t.Errorf("%s: %v, want %v", topic, got, want)
	}
}
