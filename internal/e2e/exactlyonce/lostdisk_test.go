package exactlyonce

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/e2e/rises"
	"github.com/cepd/cepd/internal/kafkatest"
)

// The disk is lost under load. What comes back is a backup that was made online,
// also under load; sources and sinks are in Kafka. Nothing is missing; exactly
// once, nothing comes twice, though the sinks have rows that the backup does not
// know of.
func TestLostDisk(t *testing.T) {
	k := kafkatest.Broker(t)
	for _, guarantee := range []string{"exactly-once", "at-least-once"} {
		t.Run(guarantee, func(t *testing.T) { testLostDisk(t, k, guarantee) })
	}
}

func testLostDisk(t *testing.T, k *kafkatest.Kafka, guarantee string) {
	b := prepare(t, k, guarantee, query)
	var err error
	if b.world, err = rises.New(b.broker.Bootstrap, b.in, *seed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.world.Close)
	ctx, stop := context.WithCancel(context.Background())
	b.stopFed = stop
	t.Cleanup(stop)
	go func() { b.fed <- b.world.Play(ctx, *rate) }()
	c, address := b.serve("data")
	b.run("query", "submit", b.file("query.sql"), "--name", "rises", "--server", address)
	b.await(500)
	b.run("backup", "create", "--to", "file://"+b.file("backups"), "--server", address)
	b.await(b.world.Wanted() + 300)
	b.run("backup", "create", "--to", "file://"+b.file("backups"), "--server", address)
	b.await(b.world.Wanted() + 1000)
	b.kill(c, 0)
	if err := os.RemoveAll(b.file("data")); err != nil {
		t.Fatal(err)
	}
	if guarantee == "exactly-once" { // without a choice it does not start
		b.run("backup", "restore", "--from", "file://"+b.file("backups"), "--data-dir", b.file("refused"))
		c, address = b.serve("refused")
		if out := b.opened(address); !strings.Contains(out, "--sinks") {
			t.Errorf("a sink that is ahead:\n%s", out)
		}
		b.kill(c, 0)
	}
	b.run("backup", "restore", "--from", "file://"+b.file("backups"), "--data-dir", b.file("data"), "--sinks", "deduplicate")
	c, _ = b.serve("data")
	b.await(b.world.Wanted() + 500)
	b.kill(c, 0) // while what is there may still be left out
	c, _ = b.serve("data")
	b.compare(c, guarantee == "exactly-once")
}

// opened is the status of the query once the server, which listens before, has
// opened it.
func (b *bed) opened(address string) (status string) {
	b.t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(catchUp); time.Now().Before(end); <-look.C {
		status = b.run("query", "status", "rises", "--server", address)
		if !strings.Contains(status, "is being opened") {
			break
		}
	}
	return status
}

// run runs a command, which must succeed.
func (b *bed) run(args ...string) string {
	b.t.Helper()
	out, err := exec.Command(cepdtest.Program(b.t), args...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("cepd %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// serve starts a server on a data directory.
func (b *bed) serve(data string) (c *cepd, address string) {
	b.t.Helper()
	cmd := exec.Command(cepdtest.Program(b.t), "serve", "--data-dir", b.file(data), "--listen", "127.0.0.1:0")
	c = &cepd{done: make(chan error, 1)}
	cmd.Stderr = &c.stderr
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	c.Process = cmd.Process
	go func() { c.done <- cmd.Wait() }()
	b.t.Cleanup(func() { _ = c.Kill() })
	listening := regexp.MustCompile(`address=(http://\S+)`)
	end, look := time.After(catchUp), time.NewTicker(20*time.Millisecond)
	defer look.Stop()
	for {
		if m := listening.FindStringSubmatch(c.stderr.String()); m != nil {
			return c, m[1]
		}
		select {
		case err := <-c.done:
			b.t.Fatalf("the server ends: %v\n%s", err, &c.stderr)
		case <-end:
			b.t.Fatalf("the server does not listen\n%s", &c.stderr)
		case <-look.C:
		}
	}
}
