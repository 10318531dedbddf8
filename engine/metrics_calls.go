package engine

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/connectors"
)

// callMetrics are the families of sinks that call a service.
type callMetrics struct {
	calls, refused *prometheus.CounterVec
	breaker        *prometheus.GaugeVec
	duration       *prometheus.HistogramVec
}

func newCallMetrics(all *[]prometheus.Collector) callMetrics {
	labels := []string{"query", "table"}
	m := callMetrics{
		calls:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cepd_sink_calls_total", Help: "Calls to the service of the sink, by outcome: taken or failed."}, append(labels[:2:2], "outcome")),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cepd_sink_refused_rows_total", Help: "Rows that could not be delivered and were given up."}, labels),
		breaker:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cepd_sink_breaker_open", Help: "1 while the circuit breaker of the sink is open, 0.5 while it is half open."}, labels),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cepd_sink_call_duration_seconds", Help: "Duration of a call.", Buckets: callLatencies}, labels),
	}
	*all = append(*all, m.calls, m.refused, m.breaker, m.duration)
	return m
}

var callLatencies = prometheus.ExponentialBuckets(1e-3, 2, 16)

// breakerStates is the gauge by state.
var breakerStates = map[string]float64{"open": 1, "half-open": 0.5}

// update brings the metrics of a sink up to date; a nil last is zeros.
func (m *callMetrics) update(query string, o *outbox, now, last *CallStatus) {
	if now == nil {
		return
	}
	if last == nil {
		last = &CallStatus{}
	}
	failed := now.Failures - last.Failures
	m.calls.WithLabelValues(query, o.table, "failed").Add(float64(failed))
	m.calls.WithLabelValues(query, o.table, "taken").Add(float64(now.Calls - last.Calls - failed))
	m.refused.WithLabelValues(query, o.table).Add(float64(now.Refused - last.Refused))
	m.breaker.WithLabelValues(query, o.table).Set(breakerStates[now.Breaker])
	for _, d := range o.sink.(connectors.Active).Latencies() {
		m.duration.WithLabelValues(query, o.table).Observe(d.Seconds())
	}
}
