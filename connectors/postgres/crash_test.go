package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/postgrestest"
)

// TestKill kills cepd with SIGKILL while it copies a table that is written to, first
// while it reads what is there, and stops the database too: at the end both tables
// are equal.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs cepd; not with -short")
	}
	const kills = 5
	w := newWorld(t, postgrestest.Start(t), "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t SELECT 10 * i, '0' FROM generate_series(1, 2000) AS i",
		"CREATE SEQUENCE versions", "CREATE TABLE copy (id bigint PRIMARY KEY, name text, kind text, lsn bigint, changed timestamptz)")
	dir := t.TempDir()
	binary := cepdtest.Program(t)
	file := filepath.Join(dir, "q.sql")
	text := fmt.Sprintf(`CREATE TABLE source (id BIGINT, name STRING, op STRING METADATA VIRTUAL, lsn BIGINT METADATA VIRTUAL, changed TIMESTAMP_LTZ(3) METADATA FROM 'op_ts' VIRTUAL, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'postgres-cdc', 'hostname' = '127.0.0.1', 'port' = '%d',
  'username' = '%s', 'database-name' = '%s', 'table-name' = 't', 'slot.name' = 'copying', 'scan.incremental.snapshot.chunk.size' = '50');
CREATE TABLE target (id BIGINT, name STRING, kind STRING, lsn BIGINT, changed TIMESTAMP_LTZ(3), PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:%d/%s', 'username' = '%s',
  'table-name' = 'copy');
INSERT INTO target SELECT id, name, op, lsn, changed FROM source;`, w.server.Port, postgrestest.User, w.name, w.server.Port, w.name, postgrestest.User)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func() *exec.Cmd {
		c := exec.Command(binary, "run", file, "--data-dir", filepath.Join(dir, "state"))
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	seed := rand.Uint64()
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan struct{})
	go func() {
		w.write(ctx, rand.New(rand.NewPCG(seed, 1)))
		close(written)
	}()
	random := rand.New(rand.NewPCG(seed, 2))
	for kill := range kills {
		c := run()
		began, some := w.text("SELECT last_value FROM versions"), 1+random.IntN(200)
		w.until("nothing is copied", func() bool { // of what changed since the start
			return w.text("SELECT count(*) >= $1 FROM copy WHERE name::bigint > $2::bigint", some, began) == "true"
		})
		if kill == kills/2 {
			w.server.Down()
			w.server.Up()
		}
		_ = c.Process.Signal(syscall.SIGKILL)
		_ = c.Wait()
	}
	c := run()
	stop()
	<-written
	w.until(fmt.Sprintf("the copy is not the table (seed %d)", seed), func() bool {
		return w.text(`SELECT NOT EXISTS (SELECT id, name FROM t EXCEPT SELECT id, name FROM copy) AND NOT EXISTS (SELECT id, name FROM copy EXCEPT SELECT id, name FROM t)`) == "true"
	})
	if n := w.text(`SELECT count(*) FROM copy WHERE lsn IS NULL OR kind IS NULL OR CASE kind WHEN 'r' THEN changed <> 'epoch' WHEN 'c' THEN changed < now() - interval '1 hour' WHEN 'u' THEN changed > now() ELSE true END`); n != "0" {
		t.Errorf("%s rows have wrong metadata", n)
	}
	_ = c.Process.Signal(syscall.SIGTERM)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}
