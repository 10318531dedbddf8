package measure

import (
	"math"
	"runtime/metrics"
	"time"
)

// Sample is the counters of the process at one time.
type Sample struct {
	At     time.Time
	CPU    time.Duration
	Allocs uint64 // objects
	Bytes  uint64 // allocated
	Cycles uint64 // of garbage collection
	Live   uint64 // bytes of the heap that the last collection found in use

	pauses *metrics.Float64Histogram
}

// The names of the runtime's metrics, in the order of Now.
var sampled = []string{
	"/gc/heap/allocs:objects", "/gc/heap/allocs:bytes", "/gc/cycles/total:gc-cycles", "/gc/heap/live:bytes", "/sched/pauses/total/gc:seconds",
}

// Now reads the counters.
func Now() Sample {
	list := make([]metrics.Sample, len(sampled))
	for i, name := range sampled {
		list[i].Name = name
	}
	metrics.Read(list)
	return Sample{At: time.Now(), CPU: CPUTime(), Allocs: list[0].Value.Uint64(), Bytes: list[1].Value.Uint64(),
		Cycles: list[2].Value.Uint64(), Live: list[3].Value.Uint64(), pauses: list[4].Value.Float64Histogram()}
}

// Pauses are the times for which the garbage collector stopped the program.
type Pauses struct {
	Count uint64
	Total time.Duration // at most: the runtime keeps ranges
	Max   time.Duration
}

// PausesSince are the pauses between two samples.
func (s Sample) PausesSince(earlier Sample) (p Pauses) {
	for i, n := range s.pauses.Counts {
		n -= earlier.pauses.Counts[i]
		if n == 0 {
			continue
		}
		upper := s.pauses.Buckets[i+1]
		if math.IsInf(upper, 1) {
			upper = s.pauses.Buckets[i]
		}
		d := time.Duration(upper * float64(time.Second))
		p.Count, p.Total, p.Max = p.Count+n, p.Total+d*time.Duration(n), d
	}
	return p
}
