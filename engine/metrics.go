package engine

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/trace"
	"github.com/cepd/cepd/operators"
)

// metrics are the engine's families. Labels name queries, tables, partitions
// and stages; never keys of the data.
type metrics struct {
	records, bytes, late, rejected, outputs, withheld         *prometheus.CounterVec
	spilled, reads, loaded, unusable, turns, paced, skipped   *prometheus.CounterVec
	sourceNewest, sinkNewest, disorder, paused                *prometheus.GaugeVec
	unknown, missing                                          *prometheus.GaugeVec
	lag, watermarkLag, keys, rows, size, queue, snapshotBytes *prometheus.GaugeVec
	cold, budget, disk, running, shadow                       *prometheus.GaugeVec
	step, commit, snapshot                                    *prometheus.HistogramVec
	lookup                                                    lookupMetrics
	call                                                      callMetrics
}

var latencies = prometheus.ExponentialBuckets(1e-5, 4, 10)

func newMetrics(r prometheus.Registerer, t *trace.Tracer) (*metrics, error) {
	all := []prometheus.Collector{traceMetrics{t}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		all = append(all, v)
		return v
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		all = append(all, v)
		return v
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencies}, []string{"query"})
		all = append(all, v)
		return v
	}
	m := &metrics{
		records:       counter("cepd_source_records_total", "Rows read.", "query", "table", "partition"),
		bytes:         counter("cepd_source_bytes_total", "Bytes of record values read.", "query", "table", "partition"),
		unusable:      counter("cepd_source_rejected_total", "Rows of the table that could not be used, late ones excepted.", "query", "table", "partition"),
		sourceNewest:  gauge("cepd_source_newest_event_timestamp_seconds", "Event time of the newest row read.", "query", "table", "partition"),
		sinkNewest:    gauge("cepd_sink_newest_event_timestamp_seconds", "Event time of the newest row written.", "query", "table"),
		disorder:      gauge("cepd_source_disorder_seconds", "How far rows came behind the newest of their partition, by quantile.", "query", "table", "quantile"),
		paused:        gauge("cepd_source_paused", "1 while a partition is not read because it is ahead of its alignment group.", "query", "table", "partition"),
		unknown:       gauge("cepd_source_unknown_fields", "Fields that records had and that are no column.", "query", "table"),
		missing:       gauge("cepd_source_missing_columns", "Columns that none of the records looked at had.", "query", "table"),
		late:          counter("cepd_source_late_total", "Rows dropped because the watermark had passed them.", "query", "table", "partition"),
		skipped:       counter("cepd_source_files_skipped_total", "Files that were not opened, since WHERE takes no row of them.", "query", "table", "partition"),
		lag:           gauge("cepd_source_lag_records", "Offsets between the position and the partition's end.", "query", "table", "partition"),
		watermarkLag:  gauge("cepd_source_watermark_lag_seconds", "Wall clock minus what the partition's rows assert complete.", "query", "table", "partition"),
		rejected:      counter("cepd_query_rejected_total", "Rows dropped, by kind.", "query", "kind"),
		withheld:      counter("cepd_suppress_withheld_total", "Detections withheld by SUPPRESS.", "query", "stage"),
		outputs:       counter("cepd_sink_rows_total", "Rows acknowledged by the sink.", "query", "table"),
		queue:         gauge("cepd_sink_queue_bytes", "Bytes of rows on their way to the sink.", "query", "table"),
		keys:          gauge("cepd_state_keys", "Keys with state in memory.", "query", "stage"),
		cold:          gauge("cepd_state_cold_keys", "Keys known to have state in the data directory only.", "query", "stage"),
		budget:        gauge("cepd_state_budget_bytes", "Memory above which keys are let go of.", "query", "stage"),
		spilled:       counter("cepd_state_spilled_keys_total", "Keys let go of: from then on in the data directory only.", "query", "stage"),
		reads:         counter("cepd_state_reads_total", "Keys looked for in the data directory.", "query", "stage"),
		loaded:        counter("cepd_state_loaded_keys_total", "Keys found in the data directory, and read.", "query", "stage"),
		running:       gauge("cepd_query_running", "1 while the query runs.", "query"),
		turns:         counter("cepd_query_turn_wait_seconds_total", "Time that steps waited for a processor which other queries had.", "query"),
		paced:         counter("cepd_sink_paced_seconds_total", "Time that rows waited because of 'sink.max-rows-per-second'.", "query", "table"),
		disk:          gauge("cepd_state_disk_bytes", "About what the query's state takes of the disk.", "query"),
		rows:          gauge("cepd_state_rows", "Rows held.", "query", "stage"),
		size:          gauge("cepd_state_bytes", "Bytes held.", "query", "stage"),
		step:          histogram("cepd_query_step_duration_seconds", "Duration of a step."),
		commit:        histogram("cepd_journal_commit_duration_seconds", "Duration of a synced journal write."),
		snapshot:      histogram("cepd_snapshot_write_duration_seconds", "Duration of a snapshot's write in the background."),
		shadow:        gauge("cepd_shadow_compared_rows", "Detections of a query and its shadow, by how they compare.", "query", "outcome"),
		snapshotBytes: gauge("cepd_snapshot_size_bytes", "Size of the last snapshot's changes.", "query"),
	}
	m.lookup, m.call = newLookupMetrics(&all), newCallMetrics(&all)
	return m, register(r, all)
}

// register leaves nothing registered when it fails.
func register(r prometheus.Registerer, all []prometheus.Collector) error {
	if r == nil {
		return nil
	}
	for i, c := range all {
		if err := r.Register(c); err != nil {
			for _, done := range all[:i] {
				r.Unregister(done)
			}
			return errors.Join(errors.New("engine: register the metrics"), err)
		}
	}
	return nil
}

// meter is the metrics of one query.
type meter struct {
	m                         *metrics
	query                     string
	units                     []unitMeter
	boxes                     []prometheus.Counter
	acked                     []uint64
	calls                     []*CallStatus // by box
	withheld                  []int64       // by stage
	last                      []OperatorStatus
	kinds                     [rejectKindCount]int64
	steps, commits, snapshots prometheus.Observer
	turns                     prometheus.Counter
}

type unitMeter struct {
	records, bytes, late prometheus.Counter
	lag, watermark       prometheus.Gauge
	skipped              prometheus.Counter // nil: no files
	skips                int64
	rejects              prometheus.Counter
	newest, paused       prometheus.Gauge
	last                 unitStats
}

func (m *metrics) query(p *Pipeline) *meter {
	t := &meter{m: m, query: p.name, steps: m.step.WithLabelValues(p.name), commits: m.commit.WithLabelValues(p.name), snapshots: m.snapshot.WithLabelValues(p.name), turns: m.turns.WithLabelValues(p.name)}
	for _, u := range p.units {
		labels := []string{p.name, u.src.name, strconv.Itoa(int(u.part))}
		t.units = append(t.units, unitMeter{
			records: m.records.WithLabelValues(labels...), bytes: m.bytes.WithLabelValues(labels...), late: m.late.WithLabelValues(labels...),
			lag: m.lag.WithLabelValues(labels...), watermark: m.watermarkLag.WithLabelValues(labels...),
			rejects: m.unusable.WithLabelValues(labels...), newest: m.sourceNewest.WithLabelValues(labels...), paused: m.paused.WithLabelValues(labels...),
		})
	}
	for _, o := range p.boxes {
		t.boxes, t.acked, t.calls = append(t.boxes, m.outputs.WithLabelValues(p.name, o.table)), append(t.acked, o.position()), append(t.calls, nil)
	}
	for _, s := range p.stages {
		t.withheld = append(t.withheld, s.withheld())
		t.last = append(t.last, OperatorStatus{})
	}
	return t
}

// update brings the counters and gauges up to date; between two steps.
func (t *meter) update(p *Pipeline, s *Status, now event.Time) {
	for i, u := range p.units {
		t.units[i].update(u, now)
		t.files(i, &s.Partitions[i])
	}
	for i, sink := range s.Sinks {
		t.boxes[i].Add(float64(sink.Acknowledged - t.acked[i]))
		t.acked[i] = sink.Acknowledged
		t.m.call.update(t.query, p.boxes[i], sink.Calls, t.calls[i])
		t.calls[i] = sink.Calls
		t.m.queue.WithLabelValues(t.query, sink.Table).Set(float64(sink.QueuedBytes))
		if newest := p.boxes[i].newest; newest > 0 {
			t.m.sinkNewest.WithLabelValues(t.query, sink.Table).Set(seconds(newest))
		}
	}
	t.sources(s)
	for kind, n := range p.rejected() {
		if n > 0 {
			t.m.rejected.WithLabelValues(t.query, operators.RejectKind(kind).String()).Add(float64(n - t.kinds[kind]))
			t.kinds[kind] = n
		}
	}
	for i, o := range s.Operators {
		stage := strconv.Itoa(o.Stage)
		t.m.keys.WithLabelValues(t.query, stage).Set(float64(o.Keys))
		t.m.rows.WithLabelValues(t.query, stage).Set(float64(o.Rows))
		t.m.size.WithLabelValues(t.query, stage).Set(float64(o.Bytes))
		t.m.cold.WithLabelValues(t.query, stage).Set(float64(o.Cold))
		t.m.budget.WithLabelValues(t.query, stage).Set(float64(o.Budget))
		last := &t.last[i]
		t.m.spilled.WithLabelValues(t.query, stage).Add(float64(o.Spilled - last.Spilled))
		t.m.reads.WithLabelValues(t.query, stage).Add(float64(o.Reads - last.Reads))
		t.m.loaded.WithLabelValues(t.query, stage).Add(float64(o.Loaded - last.Loaded))
		t.m.lookup.update(t.query, p.stages[i].asked, o.Lookup, last.Lookup)
		*last = o
		if n := o.Withheld - t.withheld[i]; n > 0 {
			t.m.withheld.WithLabelValues(t.query, stage).Add(float64(n))
			t.withheld[i] = o.Withheld
		}
	}
	t.m.snapshotBytes.WithLabelValues(t.query).Set(float64(p.snapshots.bytes))
	t.m.running.WithLabelValues(t.query).Set(1)
	t.m.disk.WithLabelValues(t.query).Set(float64(s.Durability.StateBytes))
}

// sources shows by how much the rows of each table come out of order, and what is
// between its records and columns.
func (t *meter) sources(s *Status) {
	for _, src := range s.Sources {
		if d := src.Disorder; d != nil {
			for quantile, v := range map[string]float64{"0.5": d.P50, "0.9": d.P90, "0.99": d.P99, "0.999": d.P999, "1": d.Max} {
				t.m.disorder.WithLabelValues(t.query, src.Table, quantile).Set(v)
			}
		}
		if d := src.Difference; d != nil {
			t.m.unknown.WithLabelValues(t.query, src.Table).Set(float64(len(d.Unknown)))
			t.m.missing.WithLabelValues(t.query, src.Table).Set(float64(len(d.Missing)))
		}
	}
}

// files counts the files of a unit that were passed over.
func (t *meter) files(i int, s *PartitionStatus) {
	if s.Files == nil {
		return
	}
	m := &t.units[i]
	if m.skipped == nil {
		m.skipped = t.m.skipped.WithLabelValues(t.query, s.Table, strconv.Itoa(int(s.Partition)))
	}
	m.skipped.Add(float64(s.Files.Skipped - m.skips))
	m.skips = s.Files.Skipped
}

func (t *unitMeter) update(u *unit, now event.Time) {
	t.records.Add(float64(u.stats.rows - t.last.rows))
	t.bytes.Add(float64(u.stats.bytes - t.last.bytes))
	t.late.Add(float64(u.stats.late - t.last.late))
	t.rejects.Add(float64(u.stats.rejects - t.last.rejects))
	t.last = u.stats
	t.lag.Set(float64(max(0, u.lag())))
	t.paused.Set(0)
	if u.paused {
		t.paused.Set(1)
	}
	if u.newest != event.MinTime {
		t.newest.Set(seconds(u.newest))
	}
	if u.mark != event.MinTime && u.mark != event.MaxTime {
		t.watermark.Set(float64(now-u.mark) / 1e6)
	}
}

func (t *meter) turn(micros int64) { t.turns.Add(float64(max(micros, 0)) / 1e6) }
func (t *meter) paced(o *outbox, micros int64) {
	t.m.paced.WithLabelValues(t.query, o.table).Add(float64(max(micros, 0)) / 1e6)
}
func (t *meter) step(micros int64)     { t.steps.Observe(float64(micros) / 1e6) }
func (t *meter) commit(micros int64)   { t.commits.Observe(float64(micros) / 1e6) }
func (t *meter) snapshot(micros int64) { t.snapshots.Observe(float64(micros) / 1e6) }

// forget forgets all of a query that is dropped: else each name that ever was
// would stay.
func (t *meter) forget() {
	labels := prometheus.Labels{"query": t.query}
	m := t.m
	for _, v := range []*prometheus.CounterVec{m.records, m.bytes, m.late, m.rejected, m.outputs, m.withheld, m.spilled, m.reads, m.loaded, m.turns, m.paced, m.unusable, m.skipped, m.lookup.keys, m.lookup.errors, m.call.calls, m.call.refused} {
		v.DeletePartialMatch(labels)
	}
	for _, v := range []*prometheus.HistogramVec{m.step, m.commit, m.snapshot, m.lookup.duration, m.call.duration} {
		v.DeletePartialMatch(labels)
	}
}

// close forgets the query's gauges; its counters stay, so that the last values
// are still scraped.
func (t *meter) close() {
	labels := prometheus.Labels{"query": t.query}
	for _, g := range []*prometheus.GaugeVec{t.m.lag, t.m.watermarkLag, t.m.keys, t.m.rows, t.m.size, t.m.cold, t.m.budget, t.m.queue, t.m.snapshotBytes,
		t.m.sourceNewest, t.m.sinkNewest, t.m.disorder, t.m.paused, t.m.unknown, t.m.missing, t.m.disk, t.m.running, t.m.call.breaker} {
		g.DeletePartialMatch(labels)
	}
}

// compared shows how a query and its shadow compare.
func (m *metrics) compared(query string) func(*Outcomes) {
	return func(o *Outcomes) {
		for outcome, n := range map[string]int64{"same": o.Same, DifferenceOnlyOld: o.OnlyOld, DifferenceOnlyNew: o.OnlyNew, DifferenceChanged: o.Changed} {
			m.shadow.WithLabelValues(query, outcome).Set(float64(n))
		}
	}
}

// uncompared forgets a comparison.
func (m *metrics) uncompared(query string) {
	m.shadow.DeletePartialMatch(prometheus.Labels{"query": query})
}
