// Package measure tells what a run cost (CPU time by getrusage, memory by /proc,
// allocations and pauses by runtime/metrics) and keeps results in files whose
// format all systems share.
package measure

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// Usage is what a run cost.
type Usage struct {
	Wall, CPU time.Duration
	Mallocs   uint64
	Bytes     uint64
}

// Run runs f after a garbage collection.
func Run(f func() error) (Usage, error) {
	runtime.GC()
	ResetPeakRSS()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, wall := CPUTime(), time.Now()
	err := f()
	u := Usage{Wall: time.Since(wall), CPU: CPUTime() - cpu}
	runtime.ReadMemStats(&after)
	u.Mallocs, u.Bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return u, err
}

// ResetPeakRSS makes the highest resident set that of now, where the system
// can (Linux).
func ResetPeakRSS() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// PeakRSS is the highest resident set of the process since ResetPeakRSS, or
// since its start, in MB; 0 where the system does not tell.
func PeakRSS() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}
