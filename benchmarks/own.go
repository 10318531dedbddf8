package benchmarks

import (
	"runtime"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
)

// System measures a workload over its first n events in this process.
type System struct {
	Name  string
	Run   func(d *Data, w *queries.Workload, n int) (measure.Result, error)
	Knows func(w *queries.Workload) bool
	cores int // that Go may use; 0: all
}

func every(*queries.Workload) bool           { return true }
func onlySustained(w *queries.Workload) bool { return w.Name == Sustained }
func hasKeys(w *queries.Workload) bool       { return Keyed(NewData(), w, 0) != nil }

// Operators are cepd's operators and the loops, on one core.
var Operators = []System{
	{"cepd", InMemory, every, 1},
	{"hand", ByHand, every, 1},
	{"hand-keyed", ByTable, hasKeys, 1},
}

// Engines is the engine, for long with and without state on disk.
var Engines = []System{
	{"cepd-engine", ThroughEngine, every, 0},
	{"cepd-long", InMemoryLong, onlySustained, 0},
	{"cepd-durable", Durable, onlySustained, 0},
}

// Lines measure workloads on systems; events says how many of a workload's are
// taken, and each is the median of so many runs.
func Lines(d *Data, systems []System, workloads []*queries.Workload, events func(*queries.Workload) int, runs int) (list []measure.Line) {
	for _, w := range workloads {
		for _, s := range systems {
			if !s.Knows(w) {
				continue
			}
			list = append(list, measure.Line{Workload: w.Name, System: s.Name, Measure: func() (measure.Result, error) {
				if s.cores > 0 {
					defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(s.cores))
				}
				return measure.Several(runs, func() (measure.Result, error) { return s.Run(d, w, events(w)) })
			}})
		}
	}
	return list
}
