package load

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/engine"
)

// Report is what a run measured. Units are last in the names.
type Report struct {
	Query              string   `json:"query"`
	Events             int64    `json:"events"` // measured: without the warm-up
	Warmup             int64    `json:"warmup_events"`
	Detections         int64    `json:"detections"` // of the whole run
	Rejected           int64    `json:"rejected"`
	WallSeconds        float64  `json:"wall_seconds"`
	CPUSeconds         float64  `json:"cpu_seconds"` // user and system
	EventsPerSecond    float64  `json:"events_per_second"`
	EventsPerCPUSecond float64  `json:"events_per_cpu_second"`
	Rate               float64  `json:"rate,omitempty"` // events per second asked for
	Latency            *Latency `json:"latency,omitempty"`
	Memory             Memory   `json:"memory"`
	State              State    `json:"state"`
	GC                 GC       `json:"gc"`
	Durable            bool     `json:"durable"`
	Version            string   `json:"version"`
	Machine            string   `json:"machine"`
	Date               string   `json:"date"`
}

// Latency is from when the row that let a detection leave was due to the
// detection's reaching the sink.
type Latency struct {
	Count      int64   `json:"count"`
	ByEnd      int64   `json:"released_by_end_of_input"` // not counted
	P50Millis  float64 `json:"p50_ms"`
	P90Millis  float64 `json:"p90_ms"`
	P99Millis  float64 `json:"p99_ms"`
	P999Millis float64 `json:"p999_ms"`
	MaxMillis  float64 `json:"max_ms"`
	// Curve is the latency at each quantile that the plot shows.
	Curve []Quantile `json:"curve,omitempty"`
}

// Quantile is a point of a latency curve.
type Quantile struct {
	Percent float64 `json:"percent"`
	Millis  float64 `json:"ms"`
}

// Memory is that of the process.
type Memory struct {
	PeakRSSMB          float64 `json:"peak_rss_mb"`
	HeldInputMB        float64 `json:"held_input_mb"` // of it, the input that lies in memory
	HeapLiveMB         float64 `json:"heap_live_mb"`  // as the last collection found it
	AllocsPerEvent     float64 `json:"allocations_per_event"`
	AllocBytesPerEvent float64 `json:"allocated_bytes_per_event"`
}

// State is what the queries held when all rows had been read, before the end of
// the input let go of it.
type State struct {
	Keys           int64   `json:"keys"`
	Rows           int64   `json:"rows"`
	PartialMatches int64   `json:"partial_matches"`
	Waiting        int64   `json:"waiting_rows"`
	Bytes          int64   `json:"bytes"`
	BytesPerKey    float64 `json:"bytes_per_key"`
}

// GC is the garbage collector's pauses.
type GC struct {
	Cycles      uint64  `json:"cycles"`
	Pauses      uint64  `json:"pauses"`
	TotalMillis float64 `json:"total_pause_ms"`
	MaxMillis   float64 `json:"max_pause_ms"`
}

// NewGC is the pauses between two samples.
func NewGC(from, to measure.Sample) GC {
	p := to.PausesSince(from)
	return GC{to.Cycles - from.Cycles, p.Count, millis(p.Total), millis(p.Max)}
}

// report computes the report. The stretch between processed and resumed, in
// which the state was looked at, does not count.
func (r *run) report(processed, resumed, ended measure.Sample, state []engine.Status) *Report {
	s := r.start
	wall := processed.At.Sub(s.At) + ended.At.Sub(resumed.At)
	cpu := processed.CPU - s.CPU + ended.CPU - resumed.CPU
	events := r.events() - r.base
	per := func(n float64) float64 { return n / max(float64(events), 1) }
	out := &Report{
		Query: r.o.File, Events: events, Warmup: r.base, Detections: r.result.detections, Rate: r.o.Rate,
		WallSeconds: wall.Seconds(), CPUSeconds: cpu.Seconds(), Durable: r.o.DataDir != "",
		EventsPerSecond: float64(events) / max(wall.Seconds(), 1e-9), EventsPerCPUSecond: float64(events) / max(cpu.Seconds(), 1e-9),
		Memory: Memory{
			PeakRSSMB: measure.PeakRSS(), HeapLiveMB: float64(ended.Live) / (1 << 20),
			AllocsPerEvent: per(float64(ended.Allocs - s.Allocs)), AllocBytesPerEvent: per(float64(ended.Bytes - s.Bytes)),
		},
		GC:      NewGC(s, ended),
		Version: measure.Version(), Machine: measure.Machine(), Date: time.Now().UTC().Format(time.DateOnly),
	}
	if r.o.Held != nil {
		out.Memory.HeldInputMB = float64(r.o.Held.Bytes()) / (1 << 20)
	}
	out.addState(state)
	if r.o.Rate > 0 {
		out.Latency = NewLatency(r.result.latency, r.result.byEnd)
	}
	return out
}

func (r *Report) addState(list []engine.Status) {
	s := &r.State
	for i := range list {
		for _, o := range list[i].Operators {
			s.Keys, s.Rows, s.PartialMatches = s.Keys+o.Keys, s.Rows+o.Rows, s.PartialMatches+o.Items
			s.Bytes, s.Waiting = s.Bytes+o.Bytes, s.Waiting+o.Waiting
		}
		for _, n := range list[i].Rejected {
			r.Rejected += n
		}
	}
	if s.Keys > 0 {
		s.BytesPerKey = float64(s.Bytes) / float64(s.Keys)
	}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// curve is the percentiles that a latency plot shows.
var curve = []float64{0, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 100}

// NewLatency reads the percentiles off a histogram of µs.
func NewLatency(h *hdrhistogram.Histogram, byEnd int64) *Latency {
	at := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	l := &Latency{Count: h.TotalCount(), ByEnd: byEnd, P50Millis: at(50), P90Millis: at(90), P99Millis: at(99), P999Millis: at(99.9), MaxMillis: float64(h.Max()) / 1000}
	for _, q := range curve {
		l.Curve = append(l.Curve, Quantile{q, at(q)})
	}
	return l
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Text writes the report for a person.
func (r *Report) Text(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("query", "%s", r.Query)
	line("events", "%s in %.2f s, after %s of warm-up", count(r.Events), r.WallSeconds, count(r.Warmup))
	if r.Rate > 0 {
		line("rate", "%s events/s asked for, %s reached", rate(r.Rate), rate(r.EventsPerSecond))
	}
	line("throughput", "%s events/s, %s per CPU-second", rate(r.EventsPerSecond), rate(r.EventsPerCPUSecond))
	line("detections", "%s%s", count(r.Detections), r.rejects())
	r.latencyText(line)
	line("memory", "peak %.0f MB resident%s, heap %.1f MB live", r.Memory.PeakRSSMB, r.heldText(), r.Memory.HeapLiveMB)
	line("state", "%s keys, %s rows, %s partial matches, %s waiting rows; %s%s", count(r.State.Keys), count(r.State.Rows),
		count(r.State.PartialMatches), count(r.State.Waiting), size(float64(r.State.Bytes)), r.perKey())
	line("allocations", "%.4f per event, %.1f bytes", r.Memory.AllocsPerEvent, r.Memory.AllocBytesPerEvent)
	line("GC", "%d cycles, %d pauses, longest %.3f ms, together at most %.2f ms", r.GC.Cycles, r.GC.Pauses, r.GC.MaxMillis, r.GC.TotalMillis)
	line("machine", "%s; cepd %s", r.Machine, r.Version)
}

func (r *Report) latencyText(line func(name, format string, args ...any)) {
	l := r.Latency
	switch {
	case l == nil:
		line("latency", "not measured: it needs --rate")
	case l.Count == 0:
		line("latency", "no detection left before the end of the input (%s with it)", count(l.ByEnd))
	default:
		line("latency", "p50 %s, p90 %s, p99 %s, p99.9 %s, max %s; of %s detections", ms(l.P50Millis), ms(l.P90Millis), ms(l.P99Millis),
			ms(l.P999Millis), ms(l.MaxMillis), count(l.Count))
	}
}

func (r *Report) rejects() string {
	if r.Rejected == 0 {
		return ""
	}
	return fmt.Sprintf("; %s rows rejected", count(r.Rejected))
}

func (r *Report) heldText() string {
	if r.Memory.HeldInputMB == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.0f MB of it the input)", r.Memory.HeldInputMB)
}

func (r *Report) perKey() string {
	if r.State.Keys == 0 {
		return ""
	}
	return fmt.Sprintf(", %.0f bytes a key", r.State.BytesPerKey)
}
