package benchmarks

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/cepd/cepd/benchmarks/load"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
	"github.com/cepd/cepd/benchmarks/workload"
)

// Sustained is the workload that is run with and without state on disk for so
// long that snapshots are part of it, and how often its events are read.
const (
	Sustained = "Q2"
	rounds    = 20
	snapshots = 5 * time.Second // twice as often as by default
)

// ThroughEngine measures a workload through the engine, as `cepd bench` does.
func ThroughEngine(d *Data, w *queries.Workload, n int) (measure.Result, error) {
	return Engine("cepd-engine", w, load.Options{Held: d.Table(w, n), Events: int64(n)})
}

// InMemoryLong measures a workload through the engine for long, state in memory.
func InMemoryLong(d *Data, w *queries.Workload, n int) (measure.Result, error) {
	return Engine("cepd-long", w, sustained(d.Table(w, n), n))
}

// Durable is InMemoryLong with state on disk: the journal synced every 100 ms,
// and snapshots.
func Durable(d *Data, w *queries.Workload, n int) (r measure.Result, err error) {
	o := sustained(d.Table(w, n), n)
	if o.DataDir, err = os.MkdirTemp("", "cepd-bench-"); err != nil {
		return r, err
	}
	defer os.RemoveAll(o.DataDir)
	return Engine("cepd-durable", w, o)
}

func sustained(t *workload.Table, n int) load.Options {
	return load.Options{Held: t, Events: int64(n) * rounds, Rounds: rounds, Snapshots: snapshots}
}

// Engine runs a workload through the engine.
func Engine(system string, w *queries.Workload, o load.Options) (measure.Result, error) {
	o.File, o.Text, o.Copies = w.Name, w.Script(), w.Params
	r, err := load.Run(context.Background(), o)
	if err != nil {
		return measure.Result{}, err
	}
	where := "no state on disk"
	if r.Durable {
		where = "journal synced every 100 ms, snapshots every 5 s"
	}
	return measure.Result{Workload: w.Name, System: system, Version: r.Version, Events: int(r.Events), Matches: int(r.Detections),
		WallSeconds: r.WallSeconds, CPUSeconds: r.CPUSeconds, RSSMB: r.Memory.PeakRSSMB, Machine: r.Machine, Date: r.Date,
		Note: fmt.Sprintf("engine, columns in memory, %s; %.4f allocations per event, %d bytes of state, %d keys", where, r.Memory.AllocsPerEvent, r.State.Bytes, r.State.Keys)}, nil
}
