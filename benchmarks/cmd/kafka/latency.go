package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/load"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/workload"
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/event"
)

// latencyResult is a latency run as the result file has it.
type latencyResult struct {
	Workload           string        `json:"workload"`
	Rate               int           `json:"rate"` // events per second
	Note               string        `json:"note"`
	EventsPerCPUSecond float64       `json:"events_per_cpu_second"` // of this process: engine, producer and consumer
	Latency            *load.Latency `json:"latency"`
	GC                 load.GC       `json:"gc"` // likewise
	Version            string        `json:"version"`
	Machine            string        `json:"machine"`
	Date               string        `json:"date"`
}

// latency measures from when an event was due at its producer until the
// detection that it completes has been read from the other topic.
func (s *session) latency(ctx context.Context) error {
	if s.rate == 0 {
		return nil
	}
	var results []latencyResult
	for _, p := range []benchmarks.Pipe{
		{Query: "Q2", Guarantee: "at-least-once"},
		{Query: "Q2", Guarantee: "at-least-once", Dir: "kept"},
		{Query: "Q2", Guarantee: "exactly-once", Dir: "kept"},
	} {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r, err := s.latencyRun(ctx, p)
		if err != nil {
			return fmt.Errorf("latency: %w", err)
		}
		l := r.Latency
		fmt.Printf("%s at %d events/s, %s: p50 %.2f ms, p90 %.2f, p99 %.2f, p99.9 %.2f, max %.2f; of %d detections; %d GC pauses, the longest %.3f ms\n",
			r.Workload, r.Rate, r.Note, l.P50Millis, l.P90Millis, l.P99Millis, l.P999Millis, l.MaxMillis, l.Count, r.GC.Pauses, r.GC.MaxMillis)
		results = append(results, *r)
	}
	if s.out == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(filepath.Dir(s.out), "kafka-latency.json"), append(text, '\n'), 0o644)
}

func (s *session) latencyRun(ctx context.Context, p benchmarks.Pipe) (_ *latencyResult, err error) {
	p.Bootstrap, p.Live = s.broker.Bootstrap, true
	if p.In, err = s.broker.Topic(ctx, partitions); err != nil {
		return nil, err
	}
	if p.Out, err = s.broker.Topic(ctx, partitions); err != nil {
		return nil, err
	}
	if p.Dir != "" {
		if p.Dir, err = os.MkdirTemp("", "cepd-bench-"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(p.Dir)
	}
	e, err := engine.New(engine.Options{Registry: all.New(), DataDir: p.Dir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close(context.Background())) }()
	if _, err := p.Start(ctx, e); err != nil {
		return nil, err
	}
	return s.paced(ctx, &p)
}

// paced writes events when they are due and reads detections meanwhile.
func (s *session) paced(ctx context.Context, p *benchmarks.Pipe) (*latencyResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now().Add(time.Second)
	w := &watcher{began: began, rate: float64(s.rate), warm: int64(s.rate), histogram: load.NewHistogram()}
	watching := make(chan error, 1)
	go func() { watching <- w.watch(ctx, p) }()
	before := measure.Now()
	n := int(float64(s.rate) * s.duration.Seconds())
	if err := s.produce(ctx, p, began, n); err != nil {
		return nil, err
	}
	const grace = time.Second // for the last detections
	time.Sleep(grace)
	cancel()
	if err := <-watching; err != nil {
		return nil, err
	}
	after := measure.Now()
	return &latencyResult{Workload: p.Query, Rate: s.rate, Note: p.How(), EventsPerCPUSecond: float64(n) / (after.CPU - before.CPU).Seconds(),
		Latency: load.NewLatency(w.histogram, 0), GC: load.NewGC(before, after),
		Version: measure.Version(), Machine: measure.Machine(), Date: time.Now().UTC().Format(time.DateOnly)}, nil
}

// produce writes n events, each no earlier than it is due.
func (s *session) produce(ctx context.Context, p *benchmarks.Pipe, began time.Time, n int) (err error) {
	f, err := benchmarks.NewFiller(ctx, p.Bootstrap, p.In, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for sent := 0; sent < n; {
		due := min(int(time.Since(began).Seconds()*float64(s.rate)), n, sent+event.MaxRows)
		if due <= sent {
			time.Sleep(time.Millisecond)
			continue
		}
		if err := errors.Join(f.Write(ctx, due-sent), f.Flush(ctx)); err != nil {
			return err
		}
		sent = due
	}
	return nil
}

// watcher reads detections and records how late they are.
type watcher struct {
	began     time.Time
	rate      float64
	warm      int64 // events whose detections do not count
	histogram *hdrhistogram.Histogram
}

func (w *watcher) watch(ctx context.Context, p *benchmarks.Pipe) (err error) {
	c, _ := all.New().Lookup("kafka")
	src, err := c.Source(connectors.Table{Name: "alerts", Query: "watch", Columns: []connectors.Column{{Name: "v", Type: event.TBytes}},
		Options: map[string]string{"topic": p.Out, "properties.bootstrap.servers": p.Bootstrap, "format": "raw", "scan.startup.mode": "earliest-offset"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	parts, err := src.Partitions(ctx)
	if err != nil {
		return err
	}
	ready := make(chan struct{}, 1)
	var readers []connectors.RawReader
	for _, part := range parts {
		r, err := src.Open(ctx, part, connectors.Start, func() {
			select {
			case ready <- struct{}{}:
			default:
			}
		})
		if err != nil {
			return err
		}
		defer r.Close()
		readers = append(readers, r.(connectors.RawReader))
	}
	return w.follow(ctx, readers, ready)
}

// follow takes what the readers have until ctx ends.
func (w *watcher) follow(ctx context.Context, readers []connectors.RawReader, ready chan struct{}) error {
	var raw connectors.RawBatch
	for {
		for _, r := range readers {
			raw.Reset()
			if err := r.Poll(event.MaxRows, -1, &raw); err != nil && err != io.EOF && ctx.Err() == nil {
				return err
			}
			if err := w.take(&raw); err != nil {
				return err
			}
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *watcher) take(raw *connectors.RawBatch) error {
	now := time.Now()
	for _, v := range raw.Value {
		var alert struct {
			TS int64 `json:"ts"`
		}
		if err := json.Unmarshal(raw.Buf[v.Off:v.Off+v.Len], &alert); err != nil {
			return err
		}
		i := alert.TS - workload.Base
		if i < w.warm {
			continue
		}
		due := w.began.Add(time.Duration(float64(i) / w.rate * float64(time.Second)))
		// Out of range is above ten minutes, longer than any run.
		_ = w.histogram.RecordValue(max(1, now.Sub(due).Microseconds()))
	}
	return nil
}
