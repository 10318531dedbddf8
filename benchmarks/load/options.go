package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/engine"
)

// Options of a run. Text is required.
type Options struct {
	File     string // name of the text, for errors
	Text     string
	Copies   []map[string]string // parameters; the text is compiled once for each. Default: once, without
	Settings map[string]string
	Inputs   map[string]string // recording by table; "" is for the one table there is
	Held     *workload.Table   // the rows of tables with 'connector' = 'workload'
	Rounds   int               // how often Held is read, time going on; default 1
	Split    int               // partitions that Held is read as; default 1

	Events   int64         // of each partition at most; 0: all there are
	Duration time.Duration // at most; 0: no limit
	Warmup   int64         // events before measuring begins
	Rate     float64       // events per second of all tables together; 0: flat out

	DataDir string // where state is kept; "": nowhere
	Workers int    // 0: GOMAXPROCS
	// Snapshots is the time between snapshots, 0: the engine's default.
	Snapshots time.Duration

	// Started is told how to look at the queries while they run.
	Started func(look func() []engine.Status)
}

// Validate says what is wrong with the options.
func (o *Options) Validate() error {
	switch {
	case o.Events < 0 || o.Duration < 0 || o.Warmup < 0 || o.Rate < 0:
		return errors.New("events, duration, warm-up and rate must not be negative")
	case o.Events > 0 && o.Warmup >= o.Events:
		return fmt.Errorf("a warm-up of %d events leaves nothing to measure of %d", o.Warmup, o.Events)
	case o.Rate > 0 && o.Rounds > 1:
		return errors.New("a rate and several rounds do not go together")
	case o.Rate > 0 && o.Duration == 0 && o.Events == 0:
		return errors.New("a rate needs a duration or a number of events")
	}
	return nil
}

// lead is the time between opening the gate and the first row due.
const lead = 10 * time.Millisecond
