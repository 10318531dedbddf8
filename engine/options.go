package engine

import (
	"errors"
	"io"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/state"
)

// Options of an engine. Registry is required; everything else has a default.
type Options struct {
	Version          string      // of the program: written beside the state
	DataDir          string      // where state is kept; "" and no Store: nowhere
	Store            state.Store // in place of DataDir; the caller closes it
	Registry         *connectors.Registry
	NewDecoder       func(connectors.Table) (connectors.Decoder, error) // default: formats.NewDecoder
	Clock            clock.Clock                                        // default: the wall clock
	Workers          int                                                // goroutines of a step, per query; default GOMAXPROCS, 1: none but the caller's
	Log              *slog.Logger                                       // default: none
	Metrics          prometheus.Registerer                              // default: none
	Stdin            io.Reader
	Stdout           io.Writer
	Dir              string        // relative paths start here
	CommitInterval   time.Duration // default 100 ms
	SnapshotInterval time.Duration // default 10 s
	SnapshotBytes    int64         // of journal that bring a snapshot forward; default 64 MiB
	MemoryBudget     int64         // of a query's state, where 'state.memory.budget' says nothing; default a quarter of the memory there is
	// Trace makes the operators of patterns, in place of their matchers; nil: no
	// trace.
	Trace func(stage, shard int, p *pattern.Program) operators.Stateful
}

func (o Options) withDefaults() Options {
	if o.NewDecoder == nil {
		o.NewDecoder = formats.NewDecoder
	}
	if o.Clock == nil {
		o.Clock = clock.Wall{}
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.CommitInterval == 0 {
		o.CommitInterval = 100 * time.Millisecond
	}
	if o.SnapshotInterval == 0 {
		o.SnapshotInterval = 10 * time.Second
	}
	if o.SnapshotBytes == 0 {
		o.SnapshotBytes = 64 << 20
	}
	if o.MemoryBudget == 0 {
		o.MemoryBudget = memoryLimit() / 4
	}
	return o
}

// Validate says what is wrong with the options.
func (o Options) Validate() error {
	switch {
	case o.Registry == nil:
		return errors.New("engine: Registry is required")
	case o.Workers < 0:
		return errors.New("engine: Workers must not be negative")
	case o.CommitInterval < 0 || o.SnapshotInterval < 0 || o.SnapshotBytes < 0 || o.MemoryBudget < 0:
		return errors.New("engine: intervals and bytes must not be negative")
	}
	return nil
}
