package benchmarks

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what a run cost.
type Usage struct {
	Wall, CPU time.Duration
	Mallocs   uint64
	Bytes     uint64
}

// Measure runs f after a garbage collection.
func Measure(f func() error) (Usage, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, wall := cpuTime(), time.Now()
	err := f()
	u := Usage{Wall: time.Since(wall), CPU: cpuTime() - cpu}
	runtime.ReadMemStats(&after)
	u.Mallocs, u.Bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return u, err
}

// cpuTime is the user and system time of the process.
func cpuTime() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// PeakRSS is the highest resident set of the process so far, in MB; 0 where
// the system does not tell.
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
