package pattern_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkWindow is a pattern of ten steps in windows of 100 and 10,000 events,
// which finds nothing: an event costs the same.
func BenchmarkWindow(b *testing.B) {
	var steps, define []string
	for i := range 10 {
		steps = append(steps, fmt.Sprintf("S%d", i))
		define = append(define, fmt.Sprintf("S%d AS S%d.v = %d", i, i, i))
	}
	define[9] = "S9 AS S9.v = 1000" // never
	for _, window := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("events=%d", window), func(b *testing.B) {
			s := newEdgeStream(b, fmt.Sprintf(`PARTITION BY id ORDER BY ts MEASURES S0.ts AS a, S9.k AS k PATTERN (%s) WITHIN INTERVAL '%g' SECOND DEFINE %s`,
				strings.Join(steps, " ->> "), float64(window)/1000, strings.Join(define, ", ")))
			benchmarkRows(b, s, 3*window, func(i int64) { s.row(1000, 1, i, i*7%11) })
		})
	}
}

// BenchmarkCorrelated is an equation between two variables, with 100 and 100,000
// partial matches that wait for it: an event costs the same.
func BenchmarkCorrelated(b *testing.B) {
	for _, c := range []struct{ name, pattern, define string }{
		{"then", "A -> B", "B AS B.k = A.k AND B.v = 2"},
		{"any", "A ->> B", "B AS B.k = A.k AND B.v = 2"},
		{"guard", "A -> NOT C -> B", "B AS B.v = 3 AND B.k = A.k, C AS C.k = A.k AND C.v = 2"},
		{"absence", "A -> NOT B", "B AS B.k = A.k AND B.v = 2"},
	} {
		for _, live := range []int64{100, 100_000} {
			b.Run(fmt.Sprintf("%s/live=%d", c.name, live), func(b *testing.B) {
				s := newEdgeStream(b, fmt.Sprintf(`PARTITION BY id ORDER BY ts MEASURES A.ts AS a PATTERN (%s) WITHIN INTERVAL '%g' SECOND
					DEFINE A AS A.v = 1, %s`, c.pattern, float64(2*live)/1000, c.define))
				benchmarkRows(b, s, 5*int(live), func(i int64) { // each second row starts; each second is of a k that few have
					s.row(1000, 1, i*2654435761%(4*live), 1+i%2)
				})
			})
		}
	}
}

// benchmarkRows measures rows after a warm-up.
func benchmarkRows(b *testing.B, s *edgeStream, warm int, row func(i int64)) {
	i := int64(0)
	for range warm {
		row(i)
		i++
	}
	runtime.GC()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuSeconds(b)
	for range b.N {
		row(i)
		i++
	}
	b.ReportMetric((cpuSeconds(b)-before)/float64(b.N)*1e9, "cpu-ns/event")
	size := s.size()
	b.ReportMetric(float64(max(size.Items, size.Rows)), "kept")
}

// BenchmarkManyStarts holds a thousand starts a second for six hours, on one
// key: what a live start takes, and what a further event costs. It needs some 3
// GB; -short holds a tenth of it.
func BenchmarkManyStarts(b *testing.B) {
	const within = 6 * 3600 * 1_000_000
	starts := within / 1000
	if testing.Short() {
		starts /= 10
	}
	s := newEdgeStream(b, `PARTITION BY id ORDER BY ts MEASURES A.ts AS a, B.ts AS b PATTERN (A ->> B ->> C) WITHIN INTERVAL '6' HOUR
		DEFINE A AS A.v = 1, B AS B.v = 2, C AS C.v = 9`)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	loaded := cpuSeconds(b)
	for i := range int64(starts) {
		s.row(within/int64(starts), 1, i, 1)
	}
	loaded = cpuSeconds(b) - loaded
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ResetTimer()
	began := cpuSeconds(b)
	for i := range b.N {
		s.row(within/int64(starts), 1, int64(i), 1+int64(i)%2)
	}
	b.ReportMetric((cpuSeconds(b)-began)/float64(b.N)*1e9, "cpu-ns/event")
	b.ReportMetric(loaded/float64(starts)*1e9, "cpu-ns/start")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(starts), "B/start")
	b.ReportMetric(float64(s.size().Bytes)/float64(s.size().Rows), "B/row")
}
