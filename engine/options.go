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
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/trace"
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
	Adds             bool                                               // who starts the queries gives tables columns, where they ask for it with 'schema.evolution' = 'add'
	NewDecoder       func(connectors.Table) (connectors.Decoder, error) // default: formats.NewDecoder
	Clock            clock.Clock                                        // default: the wall clock
	Workers          int                                                // goroutines of a step, shared by the queries; default GOMAXPROCS, 1: none but the caller's
	Log              *slog.Logger                                       // default: none
	Metrics          prometheus.Registerer                              // default: none
	Stdin            io.Reader
	Stdout           io.Writer
	Dir              string         // relative paths start here
	Access           *access.Policy // what queries may reach; default: everything
	CommitInterval   time.Duration  // default 100 ms
	SnapshotInterval time.Duration  // default 10 s
	SnapshotBytes    int64          // of journal that bring a snapshot forward; default 64 MiB
	ReportGroups     int            // of a window that a shard reports in a step; default 8,192. The same for as long as a journal is kept
	MemoryBudget     int64          // of a query's state, where 'state.memory.budget' says nothing; default a quarter of the memory there is
	MemoryLimit      int64          // of the state of all queries; the one that has most fails above it; default three quarters of the memory there is
	// Defaults and Maxima are of the settings of queries: what one gets that does
	// not say, and what none may go above.
	Defaults, Maxima map[string]string
	// Trace makes the operators of patterns, in place of their matchers; nil: no
	// trace.
	Trace func(stage, shard int, p *pattern.Program) operators.Stateful
	// Spans sends traces of events to a collector; nil: none.
	Spans *trace.Tracer

	pool   *pool   // of the engine; nil: each pipeline has its own helpers
	memory *memory // of the engine; nil: each pipeline has MemoryBudget

	arrivals *arrivals // of the engine; nil: what pipelines deliver cannot be watched
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
	if o.Access == nil {
		o.Access = access.Unrestricted()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = slog.New(o.Access.LogHandler(o.Log.Handler()))
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
	if o.MemoryLimit == 0 {
		o.MemoryLimit = memoryLimit() / 4 * 3
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
	case o.CommitInterval < 0 || o.SnapshotInterval < 0 || o.SnapshotBytes < 0 || o.MemoryBudget < 0 || o.MemoryLimit < 0:
		return errors.New("engine: intervals and bytes must not be negative")
	}
	return o.bounds().validate()
}

func (o *Options) bounds() bounds { return bounds{o.Defaults, o.Maxima} }
