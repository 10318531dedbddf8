package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// target is what is demanded, and what was reached, of one or several
// measurements.
type target struct {
	what    string
	bound   float64
	atMost  bool // bound is the most there may be; else the least
	unit    string
	reached []reached
}

type reached struct {
	name  string
	value float64
}

// add takes a measurement in; NaN is one that is missing.
func (t *target) add(name string, value float64) {
	if !math.IsNaN(value) {
		t.reached = append(t.reached, reached{name, value})
	}
}

// targetTable is a row per target.
func targetTable(r *results) string {
	var b strings.Builder
	b.WriteString("| | target | reached | |\n|---|---|---|---|\n")
	for _, t := range targets(r) {
		sign := "≥"
		if t.atMost {
			sign = "≤"
		}
		fmt.Fprintf(&b, "| %s | %s %s%s | %s | %s |\n", t.what, sign, number(t.bound), t.unit, t.values(), t.verdict())
	}
	return b.String()
}

func (t *target) values() string {
	if len(t.reached) == 0 {
		return "–"
	}
	var list []string
	for _, v := range t.reached {
		list = append(list, strings.TrimSpace(v.name+" "+number(v.value)))
	}
	return strings.Join(list, ", ")
}

// verdict says by what factor the worst falls short.
func (t *target) verdict() string {
	if len(t.reached) == 0 {
		return "not measured"
	}
	worst, factor := "", 1.0
	for _, v := range t.reached {
		f := t.bound / v.value
		if t.atMost {
			f = v.value / t.bound
		}
		if f > factor {
			worst, factor = v.name, f
		}
	}
	if factor == 1 {
		return "met"
	}
	return strings.TrimSpace(worst + " short by a factor of " + number(factor))
}

// times is how many times the rate of b that of a is; NaN when one is missing.
func times(a, b *result) float64 {
	if a == nil || b == nil {
		return math.NaN()
	}
	return a.perCPUSecond() / b.perCPUSecond()
}

// beside is how many times the rate of another engine that of cepd is on the same
// events; NaN when it was not measured.
func beside(peer *result) float64 {
	if peer == nil || peer.Beside == 0 {
		return math.NaN()
	}
	return peer.Beside / peer.perCPUSecond()
}

func targets(r *results) (list []target) {
	list = append(list, besidePeers(r.peers)...)
	list = append(list, besideLoops(r)...)
	list = append(list, besideCORE(r.stock)...)
	list = append(list, manyRules(r)...)
	list = append(list, overKafka(r.kafka)...)
	list = append(list, durable(r)...)
	list = append(list, perKey(r.scale))
	list = append(list, latencies(r.kafkaLatency)...)
	return append(list, flat(r.scale)...)
}

var patterns = []string{"Q2", "Q3", "Q4", "Q5"}

func besidePeers(peers []result) (list []target) {
	for _, p := range []struct {
		system, name string
		bound        float64
	}{{"esper", "Esper", 10}, {"flink-cep", "Flink CEP", 40}, {"flink-sql", "Flink SQL", 60}} {
		t := target{what: "patterns, times " + p.name, bound: p.bound, unit: "×"}
		for _, w := range patterns {
			t.add(w, beside(find(peers, w, p.system)))
		}
		list = append(list, t)
	}
	for _, w := range []struct {
		name  string
		bound float64
	}{{"Q1", 5}, {"Q6", 10}, {"Q7", 5}} {
		t := target{what: w.name + ", times the best other engine", bound: w.bound, unit: "×"}
		best := math.NaN()
		for _, system := range []string{"esper", "flink-cep", "flink-sql", "siddhi"} {
			if x := beside(find(peers, w.name, system)); !(x >= best) {
				best = x
			}
		}
		t.add("", best)
		list = append(list, t)
	}
	return list
}

// besideLoops compares with the loop that has a hash table; Q1 has no keys.
func besideLoops(r *results) []target {
	t := target{what: "CPU time, times the hand-written loop's (hash table by key)", bound: 3, atMost: true, unit: "×"}
	for _, w := range append([]string{"Q1"}, append(slices.Clone(patterns), "Q6", "Q7")...) {
		loop := find(r.peers, w, "hand-keyed")
		if w == "Q1" {
			loop = find(r.peers, w, "hand")
		}
		t.add(w, times(loop, find(r.peers, w, "cepd")))
	}
	return []target{t}
}

func besideCORE(stock []result) []target {
	least, low, high := target{what: "SEQ, every length and window: times CORE, the least", bound: 3, unit: "×"}, math.Inf(1), 0.0
	outputs := target{what: "matches enumerated per CPU-second, millions", bound: 3}
	worst := reached{"", math.Inf(1)}
	for i := range stock {
		own := &stock[i]
		core := find(stock, own.Workload, "core")
		if own.System != "cepd" || own.Failed != "" || core == nil {
			continue
		}
		if strings.HasPrefix(own.Workload, "SEQ") {
			low, high = min(low, own.perCPUSecond()), max(high, own.perCPUSecond())
			if x := times(own, core); x < worst.value {
				worst = reached{own.Workload, x}
			}
		} else if core.Matches >= 100_000 {
			outputs.add(own.Workload, own.matchRate()/1e6)
		}
	}
	spread := target{what: "SEQ, fastest corner over slowest (CORE: 17)", bound: 3, atMost: true, unit: "×"}
	if high > 0 {
		least.add(worst.name, worst.value)
		spread.add("", high/low)
	}
	return []target{least, spread, outputs}
}

func manyRules(r *results) []target {
	rate := target{what: "Q9, 1,000 copies of Q2: events per CPU-second, thousands", bound: 500}
	if m := find(r.peers, "Q9-1000", "cepd"); m != nil {
		rate.add("", m.perCPUSecond()/1e3)
	}
	further := target{what: "each further rule, per cent of the first", bound: 1, atMost: true, unit: " %"}
	if x := times(find(r.scale, "rules/1", "Q2"), find(r.scale, "rules/1000", "Q2")); !math.IsNaN(x) {
		further.add("", 100*(x-1)/999)
	}
	return []target{rate, further}
}

func overKafka(kafka []result) []target {
	own := find(kafka, "Q2", "cepd-at-least-once")
	all := target{what: "Kafka JSON → Q2 → Kafka: million events per CPU-second", bound: 1.5}
	if own != nil {
		all.add("", own.perCPUSecond()/1e6)
	}
	fetch := target{what: "the same, of the rate of clients that only fetch", bound: 0.7, unit: "×"}
	fetch.add("franz-go", times(own, find(kafka, "fetch", "franz-go")))
	fetch.add("librdkafka", times(own, find(kafka, "fetch", "librdkafka")))
	flink := target{what: "the same, times Flink SQL", bound: 8, unit: "×"}
	flink.add("", times(own, find(kafka, "Q2", "flink-sql")))
	return []target{all, fetch, flink}
}

func durable(r *results) []target {
	share := target{what: "durable, of the rate in memory", bound: 0.8, unit: "×"}
	disk, memory := find(r.peers, "Q2", "cepd-durable"), find(r.peers, "Q2", "cepd-long")
	share.add("CPU", times(disk, memory))
	if disk != nil && memory != nil {
		share.add("wall", disk.perSecond()/memory.perSecond())
	}
	share.add("over Kafka, CPU", times(find(r.kafka, "Q2", "cepd-durable"), find(r.kafka, "Q2", "cepd-at-least-once")))
	rocks := target{what: "durable, times Flink SQL on RocksDB with checkpoints", bound: 500, unit: "×"}
	rocks.add("", times(disk, find(r.peers, "Q2", "flink-sql-rocksdb")))
	return []target{share, rocks}
}

func perKey(scale []result) target {
	t := target{what: "bytes per key that has state", bound: 64, atMost: true}
	if m := find(scale, "keys/1000000", "pair"); m != nil && m.StateKeys > 0 {
		t.add("pair", float64(m.StateBytes)/float64(m.StateKeys))
	}
	return t
}

func latencies(list []paced) []target {
	soon := target{what: "at least once, 100,000 events/s over Kafka: p99, ms", bound: 10, atMost: true}
	once := target{what: "exactly once, likewise, commits every 100 ms: p99, ms", bound: 120, atMost: true}
	for i := range list {
		p := &list[i]
		if strings.HasPrefix(p.Note, "exactly once") {
			once.add("", p.Latency.P99Millis)
		} else {
			soon.add(strings.TrimPrefix(p.Note, "at least once, "), p.Latency.P99Millis)
		}
	}
	return []target{soon, once}
}

// flat compares the ends of what varies. The bounds are the page's own: near-
// linear gain, and flat but for the cache.
func flat(scale []result) []target {
	gain := target{what: "two cores, times the wall rate of one", bound: 1.6, unit: "×"}
	for _, q := range []string{"Q2", "Q3", "Q6"} {
		if one, two := find(scale, "cores/1", q), find(scale, "cores/2", q); one != nil && two != nil {
			gain.add(q, two.perSecond()/one.perSecond())
		}
	}
	window := target{what: "cost of an event, window of 10,000 events over one of 100", bound: 1.5, atMost: true, unit: "×"}
	window.add("", times(find(scale, "window/100", "six-steps"), find(scale, "window/10000", "six-steps")))
	keys := target{what: "cost of an event, 10 M keys over 1,000 (cache misses are in it)", bound: 3, atMost: true, unit: "×"}
	keys.add("", times(find(scale, "keys/1000", "pair"), find(scale, "keys/10000000", "pair")))
	return []target{gain, window, keys}
}
