// Command openstate builds state of some size and measures how long opening it
// takes: how soon after the start a query with that state takes its next step.
//
//	openstate -gib 10 -dir /disk/with/room
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// Each key begins a match that nothing ends, and keeps a text of 1,000 bytes.
const text = `SET 'state.memory.budget' = '128 mb';
CREATE TABLE events (k BIGINT, s STRING, ts AS TO_TIMESTAMP_LTZ(k, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen',
  'fields.k.kind' = 'sequence', 'fields.k.start' = '1', 'fields.k.end' = '1000000000000', 'fields.s.length' = '1000');
CREATE TABLE ends (k BIGINT, s STRING) WITH ('connector' = 'blackhole');
INSERT INTO ends SELECT * FROM events MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES A.s AS s PATTERN (A B) DEFINE B AS B.s = 'end');`

func main() {
	gib := flag.Float64("gib", 1, "size of the state in the data directory")
	dir := flag.String("dir", os.TempDir(), "where it is built and deleted again")
	flag.Parse()
	if err := run(*gib, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "openstate:", err)
		os.Exit(1)
	}
}

func run(gib float64, parent string) (err error) {
	dir, err := os.MkdirTemp(parent, "openstate-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	want := int64(gib * (1 << 30))
	began := time.Now()
	if err := until(dir, func(*engine.Query) bool { return size(dir) >= want }); err != nil {
		return err
	}
	built := time.Since(began)
	began = time.Now()
	var opened time.Duration
	err = until(dir, func(q *engine.Query) bool {
		if opened == 0 && q.Status().Steps > 0 {
			opened = time.Since(began)
		}
		return opened > 0
	})
	fmt.Printf("state of %.2f GiB, built in %v: opened, and a step taken, after %v\n", float64(want)/(1<<30), built.Round(time.Second), opened.Round(time.Millisecond))
	return err
}

// until runs the query on a directory until a condition holds.
func until(dir string, ok func(*engine.Query) bool) error {
	e, err := engine.New(engine.Options{DataDir: dir, Registry: all.New()})
	if err != nil {
		return err
	}
	cat := catalog.New()
	r, err := query.CompileText(cat, "openstate.sql", text, nil)
	if err != nil {
		return errors.Join(err, e.Close(context.Background()))
	}
	q := &r.Queries[0]
	cat.Settings = q.Settings
	running, err := e.Start(context.Background(), q.Insert, cat)
	if err != nil {
		return errors.Join(err, e.Close(context.Background()))
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok(running) {
		select {
		case <-running.Done():
			return errors.Join(running.Wait(), e.Close(context.Background()))
		case <-tick.C:
		}
	}
	return e.Close(context.Background())
}

// size is the bytes of the files in a directory.
func size(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil {
			if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
				n += info.Size()
			}
		}
		return nil // files come and go meanwhile
	})
	return n
}
