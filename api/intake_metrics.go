package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/state/intake"
)

// IntakeMetrics are of the logs of tables that are posted to.
func IntakeMetrics(logs *intake.Logs) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"table"}, labels...), nil)
	}
	return &intakeMetrics{
		logs:    logs,
		records: desc("cepd_intake_records_total", "Records that were kept for queries."),
		refused: desc("cepd_intake_refused_total", "Posts that were not taken, by reason.", "reason"),
		bytes:   desc("cepd_intake_bytes", "Bytes that are kept."),
		unread:  desc("cepd_intake_unread_records", "Records that a query may still have to read."),
	}
}

type intakeMetrics struct {
	logs                            *intake.Logs
	records, refused, bytes, unread *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (m *intakeMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.records, m.refused, m.bytes, m.unread} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *intakeMetrics) Collect(out chan<- prometheus.Metric) {
	for _, l := range m.logs.All() {
		if l.Streamed() {
			continue // StreamMetrics has it
		}
		s := l.Stats()
		out <- prometheus.MustNewConstMetric(m.records, prometheus.CounterValue, float64(s.End), l.Name())
		out <- prometheus.MustNewConstMetric(m.bytes, prometheus.GaugeValue, float64(s.Bytes), l.Name())
		out <- prometheus.MustNewConstMetric(m.unread, prometheus.GaugeValue, float64(s.Unread), l.Name())
		for reason, n := range l.Refused() {
			out <- prometheus.MustNewConstMetric(m.refused, prometheus.CounterValue, float64(n), l.Name(), reason)
		}
	}
}
