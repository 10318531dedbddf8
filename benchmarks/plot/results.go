package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// result is an entry of all files but those of latencies and instructions.
type result struct {
	Workload    string    `json:"workload"`
	System      string    `json:"system"`
	Version     string    `json:"version"`
	Events      int       `json:"events"`
	WallSeconds float64   `json:"wall_seconds"`
	CPUSeconds  float64   `json:"cpu_seconds"`
	Matches     int       `json:"matches"`
	RSSMB       float64   `json:"rss_mb"`
	Note        string    `json:"note"`
	Runs        []float64 `json:"runs"`   // CPU seconds of each, ascending
	Failed      string    `json:"failed"` // why there is no result
	Beside      float64   `json:"beside"` // cepd's rate on the same events
	StateKeys   int64     `json:"state_keys"`
	StateBytes  int64     `json:"state_bytes"`
	Machine     string    `json:"machine"`
	Date        string    `json:"date"`
}

func (r *result) perCPUSecond() float64 { return float64(r.Events) / max(r.CPUSeconds, 1e-9) }
func (r *result) perSecond() float64    { return float64(r.Events) / max(r.WallSeconds, 1e-9) }

// spread is half of how far the runs lie apart, in per cent of the median.
func (r *result) spread() float64 {
	if len(r.Runs) < 2 {
		return 0
	}
	return 50 * (r.Runs[len(r.Runs)-1] - r.Runs[0]) / max(r.CPUSeconds, 1e-9)
}

// latency is a run's percentiles.
type latency struct {
	Count      int64      `json:"count"`
	P50Millis  float64    `json:"p50_ms"`
	P90Millis  float64    `json:"p90_ms"`
	P99Millis  float64    `json:"p99_ms"`
	P999Millis float64    `json:"p999_ms"`
	MaxMillis  float64    `json:"max_ms"`
	Curve      []quantile `json:"curve"`
}

type quantile struct {
	Percent float64 `json:"percent"`
	Millis  float64 `json:"ms"`
}

// paced is an entry of latency.json and kafka-latency.json.
type paced struct {
	Query    string   `json:"query"`    // latency.json
	Workload string   `json:"workload"` // kafka-latency.json
	Note     string   `json:"note"`     // kafka-latency.json
	Durable  bool     `json:"durable"`
	Rate     float64  `json:"rate"`
	Latency  *latency `json:"latency"`
	GC       struct {
		Pauses    int     `json:"pauses"`
		MaxMillis float64 `json:"max_pause_ms"`
	} `json:"gc"`
}

// count is an entry of instructions.json.
type count struct {
	Workload             string  `json:"workload"`
	System               string  `json:"system"`
	InstructionsPerEvent float64 `json:"instructions_per_event"`
}

func (p *paced) name() string {
	switch {
	case p.Workload != "":
		return fmt.Sprintf("%s, Kafka to Kafka, %s, %s events/s", p.Workload, p.Note, rate(p.Rate))
	case p.Durable:
		return fmt.Sprintf("%s, engine, journal on disk, %s events/s", p.Query, rate(p.Rate))
	}
	return fmt.Sprintf("%s, engine, in memory, %s events/s", p.Query, rate(p.Rate))
}

// results is what the files have; an absent one is empty.
type results struct {
	memory, engine, peers, kafka, stock, scale []result
	latency, kafkaLatency                      []paced
	instructions                               []count
}

func readResults(dir string) (r results, err error) {
	for file, into := range map[string]any{
		"memory.json": &r.memory, "engine.json": &r.engine, "peers.json": &r.peers, "kafka.json": &r.kafka,
		"stock.json": &r.stock, "scale.json": &r.scale, "instructions.json": &r.instructions, "latency.json": &r.latency, "kafka-latency.json": &r.kafkaLatency,
	} {
		err = errors.Join(err, read(filepath.Join(dir, file), into))
	}
	return r, err
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
