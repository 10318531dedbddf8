package benchmarks

import (
	"testing"
	"time"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
)

// BenchmarkQueries is the operators in memory, an event an op. Its figures over
// time are in history.
func BenchmarkQueries(b *testing.B) {
	d := NewData()
	for i := range queries.All {
		w := &queries.All[i]
		b.Run(w.Name, func(b *testing.B) { benchmarkQuery(b, d, w) })
	}
}

// benchmarkQuery runs a workload's events, and begins anew when they are used
// up; the first fifth only warms up.
func benchmarkQuery(b *testing.B, d *Data, w *queries.Workload) {
	events := min(w.Events, 2_000_000)
	var m *Memory
	var cpu time.Duration
	b.ReportAllocs()
	for done := 0; done < b.N; {
		if m == nil || m.next >= events {
			b.StopTimer()
			m = warmed(b, d, w, events)
			b.StartTimer()
		}
		began := measure.CPUTime()
		n, err := m.Run(min(b.N-done, events-m.next))
		cpu += measure.CPUTime() - began
		if err != nil {
			b.Fatal(err)
		}
		done += n
	}
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "cpu-ns/op") // neighbours on the machine leave it alone
}

func warmed(b *testing.B, d *Data, w *queries.Workload, events int) *Memory {
	m, err := NewMemory(d.Table(w, events), w)
	if err == nil {
		_, err = m.Run(events / 5)
	}
	if err != nil {
		b.Fatal(err)
	}
	return m
}
