package engine

import "github.com/prometheus/client_golang/prometheus"

// lookupMetrics are the families of tables that are asked.
type lookupMetrics struct {
	keys, errors *prometheus.CounterVec
	duration     *prometheus.HistogramVec
}

func newLookupMetrics(all *[]prometheus.Collector) lookupMetrics {
	m := lookupMetrics{
		keys:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cepd_lookup_keys_total", Help: "Keys of rows, by result: hit, miss or failed."}, []string{"query", "table", "result"}),
		errors:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cepd_lookup_errors_total", Help: "Questions that failed, those asked again among them."}, []string{"query", "table"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cepd_lookup_duration_seconds", Help: "Duration of a question.", Buckets: latencies}, []string{"query", "table"}),
	}
	*all = append(*all, m.keys, m.errors, m.duration)
	return m
}

// update brings the metrics of a stage up to date; a nil last is zeros.
func (m *lookupMetrics) update(query string, asked *asked, now, last *LookupStatus) {
	if now == nil {
		return
	}
	if last == nil {
		last = &LookupStatus{}
	}
	for result, n := range map[string]int64{"hit": now.Hits - last.Hits, "miss": now.Misses - last.Misses, "failed": now.Failed - last.Failed} {
		m.keys.WithLabelValues(query, now.Table, result).Add(float64(n))
	}
	m.errors.WithLabelValues(query, now.Table).Add(float64(now.Errors - last.Errors))
	for _, d := range asked.latencies() {
		m.duration.WithLabelValues(query, now.Table).Observe(d.Seconds())
	}
}
