package engine

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/internal/trace"
)

// traceMetrics shows what has become of spans. With traces off there are none.
type traceMetrics struct{ tracer *trace.Tracer }

var (
	spansDesc     = prometheus.NewDesc("cepd_traces_spans_total", "Spans that have ended, by what has become of them.", []string{"outcome"}, nil)
	forgottenDesc = prometheus.NewDesc("cepd_traces_forgotten_total", "Events and detections of traces that later matches cannot be linked with any more.", nil, nil)
)

// Describe implements prometheus.Collector.
func (traceMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- spansDesc
	to <- forgottenDesc
}

// Collect implements prometheus.Collector.
func (m traceMetrics) Collect(to chan<- prometheus.Metric) {
	if m.tracer == nil {
		return
	}
	c := m.tracer.Counts()
	for outcome, n := range map[string]int64{"exported": c.Exported, "failed": c.Failed, "dropped": c.Dropped} {
		to <- prometheus.MustNewConstMetric(spansDesc, prometheus.CounterValue, float64(n), outcome)
	}
	to <- prometheus.MustNewConstMetric(forgottenDesc, prometheus.CounterValue, float64(c.Forgotten))
}
