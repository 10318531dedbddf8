package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/plot/plotter"
)

// enough detections for a percentile of two nines to mean something.
const enough = 200

// curveOf is a latency's percentiles at 1/(1-q). A percentile needs ten
// detections beyond it.
func curveOf(l *latency) (xy plotter.XYs) {
	for _, q := range l.Curve {
		if q.Percent == 100 || float64(l.Count)*(1-q.Percent/100) < 10 {
			break
		}
		xy = append(xy, plotter.XY{X: 1 / (1 - q.Percent/100), Y: max(q.Millis, 0.01)})
	}
	return xy
}

func guarantee(note string) string {
	switch {
	case strings.Contains(note, "exactly once"):
		return "exactly once"
	case strings.Contains(note, "on disk"):
		return "durable"
	}
	return "in memory"
}

// fillPage replaces what stands between the marks <!-- NAME --> and <!-- end -->
// of the page by the tables.
func fillPage(r *results, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page := string(text)
	for name, table := range map[string]string{"machine": machine(r), "peers": peersTable(r.peers), "memory": memoryTable(r), "kafka": kafkaTable(r.kafka), "latency": latencyTable(r)} {
		mark := regexp.MustCompile(`(?s)(<!-- ` + name + ` -->\n).*?(<!-- end -->)`)
		if !mark.MatchString(page) {
			return fmt.Errorf("%s has no mark <!-- %s -->", path, name)
		}
		if table != "" {
			page = mark.ReplaceAllStringFunc(page, func(s string) string { return mark.FindStringSubmatch(s)[1] + table + "<!-- end -->" })
		}
	}
	return os.WriteFile(path, []byte(page), 0o644)
}

// machine says where and when each file was measured.
func machine(r *results) string {
	var b strings.Builder
	for _, f := range []struct {
		name string
		list []result
	}{{"peers", r.peers}, {"memory", r.memory}, {"engine", r.engine}, {"kafka", r.kafka}} {
		if len(f.list) > 0 {
			own := find(f.list, "Q2", "cepd")
			if own == nil {
				own = &f.list[0]
			}
			fmt.Fprintf(&b, "- `%s.json`: %s; %s; %s\n", f.name, own.Date, own.Machine, versions(f.list))
		}
	}
	return b.String()
}

// versions are the systems of a list with their versions.
func versions(list []result) string {
	var all []string
	for i := range list {
		r := &list[i]
		v := r.System + " " + r.Version
		if r.System != "hand" && r.Version != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return strings.Join(all, ", ")
}

// peersTable is a row per workload, a column per system: millions of events per
// CPU-second, and in brackets how many times as much cepd does.
func peersTable(list []result) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("![Events per CPU-second by workload and system](peers.svg)\n\n")
	head, rule := "|", "|"
	for _, n := range names {
		head, rule = head+" | "+n.name, rule+"---|"
	}
	b.WriteString(head + " |\n" + rule + "---|\n")
	for _, w := range workloads(list) {
		b.WriteString("| " + w)
		own := find(list, w, "cepd")
		for _, n := range names {
			b.WriteString(" | " + peerCell(find(list, w, n.system), own))
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

func peerCell(r, own *result) string {
	if r == nil {
		return "–"
	}
	cell := fmt.Sprintf("%s ±%.0f %%", millions(r.perCPUSecond()), r.spread())
	if own == nil || r == own {
		return cell
	}
	return fmt.Sprintf("%s (%s×)", cell, number(own.perCPUSecond()/r.perCPUSecond()))
}

func millions(x float64) string { return number(x / 1e6) }

func memoryTable(r *results) string {
	if len(r.memory) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("![CPU time as a multiple of the hand-written loop's](memory.svg)\n\n")
	b.WriteString("| | operators, ns/event | loop, ns/event | ratio | engine, M events/CPU-s | engine, M events/s |\n|---|---|---|---|---|---|\n")
	for _, w := range workloads(r.memory) {
		own, hand, through := find(r.memory, w, "cepd"), find(r.memory, w, "hand"), find(r.engine, w, "cepd")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", w, nanos(own), nanos(hand), ratio(own, hand), cpuRate(through), wallRate(through))
	}
	return b.String()
}

func nanos(r *result) string {
	if r == nil {
		return "not yet runnable"
	}
	return number(1e9 / r.perCPUSecond())
}

func ratio(own, hand *result) string {
	if own == nil || hand == nil {
		return "–"
	}
	return number(hand.perCPUSecond() / own.perCPUSecond())
}

func cpuRate(r *result) string {
	if r == nil {
		return "–"
	}
	return millions(r.perCPUSecond())
}

func wallRate(r *result) string {
	if r == nil {
		return "–"
	}
	return millions(r.perSecond())
}

func kafkaTable(list []result) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("![Events per CPU-second with Kafka](kafka.svg)\n\n")
	b.WriteString("| | M events/CPU-s | spread | M events/s | RSS MB | |\n|---|---|---|---|---|---|\n")
	for i := range list {
		r := &list[i]
		fmt.Fprintf(&b, "| %s | %s | ±%.0f %% | %s | %.0f | %s |\n", kafkaLabel(r), cpuRate(r), r.spread(), wallRate(r), r.RSSMB, r.Note)
	}
	return b.String()
}

func latencyTable(r *results) string {
	list := append(r.latency[:len(r.latency):len(r.latency)], r.kafkaLatency...)
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("![Latency by percentile](latency.svg)\n\n")
	b.WriteString("| | p50 ms | p90 | p99 | p99.9 | max | detections |\n|---|---|---|---|---|---|---|\n")
	for i := range list {
		l := list[i].Latency
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %d |\n", list[i].name(), number(l.P50Millis), number(l.P90Millis), number(l.P99Millis),
			number(l.P999Millis), number(l.MaxMillis), l.Count)
	}
	return b.String()
}
