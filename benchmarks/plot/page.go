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

// fillPage replaces what stands between the marks <!-- NAME --> and <!-- end -->
// of the page by the tables.
func fillPage(r *results, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page := string(text)
	for name, table := range map[string]string{
		"machine": machine(r), "failed": failed(r), "targets": targetTable(r), "peers": peersTable(r.peers), "durable": durableTable(r), "memory": memoryTable(r),
		"kafka": kafkaTable(r.kafka), "latency": latencyTable(r), "stock": stockTable(r.stock), "scale": scaleTable(r.scale), "instructions": instructionsTable(r.instructions),
	} {
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
	for _, f := range r.files() {
		if len(f.list) > 0 {
			own := &f.list[len(f.list)-1]
			fmt.Fprintf(&b, "- `%s.json`: %s; %s; %s\n", f.name, own.Date, own.Machine, versions(f.list))
		}
	}
	return b.String()
}

// file is a result file.
type file struct {
	name string
	list []result
}

func (r *results) files() []file {
	return []file{{"peers", r.peers}, {"memory", r.memory}, {"engine", r.engine}, {"stock", r.stock}, {"scale", r.scale}, {"kafka", r.kafka}}
}

// failed lists the lines that have no result, and why.
func failed(r *results) string {
	var b strings.Builder
	for _, f := range r.files() {
		for i := range f.list {
			if l := &f.list[i]; l.Failed != "" {
				fmt.Fprintf(&b, "- %s by %s (`%s.json`): %s\n", l.Workload, l.System, f.name, l.Failed)
			}
		}
	}
	if b.Len() == 0 {
		return "Every line of every file has a result.\n"
	}
	return "Without a result:\n\n" + b.String()
}

// versions are the systems of a list with their versions.
func versions(list []result) string {
	var all []string
	for i := range list {
		r := &list[i]
		system := r.System
		if strings.HasPrefix(system, "cepd") || strings.Contains(r.Workload, "/") {
			system = "cepd"
		} else if strings.HasPrefix(system, "flink") {
			system = "Flink"
		}
		v := system + " " + r.Version
		if !strings.HasPrefix(system, "hand") && r.Version != "" && r.Failed == "" && !slices.Contains(all, v) {
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
	switch {
	case own == nil || r == own:
		return cell
	case r.Beside > 0:
		return fmt.Sprintf("%s (%s×)", cell, number(beside(r)))
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
	b.WriteString("| | operators, ns/event | loop with hash table | ratio | loop with arrays | ratio | engine, ns of CPU/event | engine, M events/s |\n|---|---|---|---|---|---|---|---|\n")
	for _, w := range workloads(r.memory) {
		own, table, hand, through := find(r.memory, w, "cepd"), find(r.memory, w, "hand-keyed"), find(r.memory, w, "hand"), find(r.engine, w, "cepd-engine")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", w, nanos(own), nanos(table), ratio(own, table), nanos(hand), ratio(own, hand), nanos(through), wallRate(through))
	}
	return b.String()
}

func nanos(r *result) string {
	if r == nil {
		return "–"
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
		if r.Failed != "" {
			continue
		}
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
	b.WriteString("| | p50 ms | p90 | p99 | p99.9 | max | detections | GC pauses | longest, ms |\n|---|---|---|---|---|---|---|---|---|\n")
	for i := range list {
		l, gc := list[i].Latency, &list[i].GC
		if l.Count == 0 {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %d | %d | %s |\n", list[i].name(), number(l.P50Millis), number(l.P90Millis), number(l.P99Millis),
			number(l.P999Millis), number(l.MaxMillis), l.Count, gc.Pauses, number(gc.MaxMillis))
	}
	return b.String()
}
