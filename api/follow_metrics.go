package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/connectors/stream"
	"github.com/cepd/cepd/state/intake"
)

// StreamMetrics are of the tables that are followed.
func StreamMetrics(hub *stream.Hub, logs *intake.Logs) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"table"}, labels...), nil)
	}
	return &streamMetrics{
		hub: hub, logs: logs,
		rows:    desc("cepd_stream_rows_total", "Rows that queries wrote."),
		bytes:   desc("cepd_stream_bytes", "Bytes that are kept."),
		readers: desc("cepd_stream_readers", "Readers at the moment."),
		sent:    desc("cepd_stream_sent_rows_total", "Rows that were sent to readers."),
		missed:  desc("cepd_stream_missed_rows_total", "Rows that readers did not get, as they were too slow or came too late."),
		gone:    desc("cepd_stream_refused_readers_total", "Readers that were sent away, by reason.", "reason"),
	}
}

type streamMetrics struct {
	hub  *stream.Hub
	logs *intake.Logs

	rows, bytes, readers, sent, missed, gone *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (m *streamMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.rows, m.bytes, m.readers, m.sent, m.missed, m.gone} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (m *streamMetrics) Collect(out chan<- prometheus.Metric) {
	counts := m.hub.Counts()
	for _, l := range m.logs.All() {
		if !l.Streamed() {
			continue
		}
		s, c := l.Stats(), counts[l.Name()]
		send := func(d *prometheus.Desc, kind prometheus.ValueType, n int64, labels ...string) {
			out <- prometheus.MustNewConstMetric(d, kind, float64(n), append([]string{l.Name()}, labels...)...)
		}
		send(m.rows, prometheus.CounterValue, s.End)
		send(m.bytes, prometheus.GaugeValue, s.Bytes)
		send(m.readers, prometheus.GaugeValue, int64(c.Readers))
		send(m.sent, prometheus.CounterValue, c.Sent)
		send(m.missed, prometheus.CounterValue, c.Missed)
		send(m.gone, prometheus.CounterValue, c.Refused, "many")
		send(m.gone, prometheus.CounterValue, c.Dropped, "slow")
	}
}
