package jdbc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/cepdtest"
)

// TestKill kills cepd with SIGKILL while it writes, and stops the database too:
// at the end each row is there once, in a table that has no key to tell.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs cepd; not with -short")
	}
	const rows, kills = 15_000, 3
	p := startPostgres(t)
	if _, err := p.DB.Exec("CREATE TABLE sums (id bigint, name text)"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	binary := cepdtest.Program(t)
	file := filepath.Join(dir, "q.sql")
	text := fmt.Sprintf(`CREATE TABLE numbers (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '%d', 'rows-per-second' = '8000',
  'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '%d');
CREATE TABLE sums (id BIGINT, name STRING) WITH ('connector' = 'jdbc', 'url' = '%s', 'username' = 'tester', 'table-name' = 'sums', 'sink.delivery-guarantee' = 'exactly-once');
INSERT INTO sums SELECT id, 'n' || CAST(id AS STRING) FROM numbers;`, rows, rows, p.options()[optURL])
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	count := func() (n, different int) {
		if err := p.DB.QueryRow("SELECT COUNT(*), COUNT(DISTINCT id) FROM sums").Scan(&n, &different); err != nil {
			t.Fatal(err)
		}
		return n, different
	}
	run := func() *exec.Cmd {
		c := exec.Command(binary, "run", file, "--data-dir", filepath.Join(dir, "state"))
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(4 * time.Minute)
	for kill := range kills {
		before, _ := count()
		c := run()
		for n := before; n <= before+kill*500; n, _ = count() { // it has written on
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("only %d rows", n)
			}
		}
		if kill == kills/2 {
			p.Down()
			p.Up()
		}
		_ = c.Process.Signal(syscall.SIGKILL)
		_ = c.Wait()
	}
	if err := run().Wait(); err != nil {
		t.Fatal(err)
	}
	if n, different := count(); n != rows || different != rows {
		t.Errorf("%d rows, %d different; want %d", n, different, rows)
	}
}
