package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// durableTable is Q2 with state on disk, on cepd and Flink SQL.
func durableTable(r *results) string {
	var b strings.Builder
	for _, l := range []struct{ system, name string }{
		{"cepd-long", "cepd, engine, state in memory"}, {"cepd-durable", "cepd, engine, journal synced every 100 ms, snapshots every 5 s"},
		{"flink-sql", "Flink SQL, heap state"}, {"flink-sql-heap", "Flink SQL, heap state, a checkpoint a second"},
		{"flink-sql-rocksdb", "Flink SQL, RocksDB, a checkpoint a second"},
	} {
		if m := find(r.peers, "Q2", l.system); m != nil {
			fmt.Fprintf(&b, "| %s | %s | ±%.0f %% | %s | %d |\n", l.name, cpuRate(m), m.spread(), wallRate(m), m.Events)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "| Q2 | M events/CPU-s | spread | M events/s | events |\n|---|---|---|---|---|\n" + b.String()
}

var (
	lengths = []string{"3", "6", "9", "12", "24"}
	windows = []string{"1", "10", "100", "1000"}
)

// stockTable is the patterns over a day of trades, with CORE's rates in brackets.
func stockTable(list []result) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("*Nothing is found.* Million events per CPU-second; in brackets CORE's.\n\n| steps | 1 s | 10 s | 100 s | 1000 s |\n|---|---|---|---|---|\n")
	for _, n := range lengths {
		b.WriteString("| " + n)
		for _, w := range windows {
			name := "SEQ" + n + "-" + w + "s"
			fmt.Fprintf(&b, " | %s (%s)", cpuRate(find(list, name, "cepd")), cpuRate(find(list, name, "core")))
		}
		b.WriteString(" |\n")
	}
	b.WriteString("\n*Matches are made*, every one, and counted; the counts are CORE's.\n\n")
	b.WriteString("| pattern | matches | M events/CPU-s | CORE | times | M matches/CPU-s |\n|---|---|---|---|---|---|\n")
	for i := range list {
		core := &list[i]
		own := find(list, core.Workload, "cepd")
		if core.System != "core" || core.Matches == 0 || own == nil {
			continue
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", core.Workload, core.Matches, cpuRate(own), cpuRate(core), ratio(core, own), millions(own.matchRate()))
	}
	return b.String()
}

// matchRate is the matches per CPU-second.
func (r *result) matchRate() float64 { return float64(r.Matches) / max(r.CPUSeconds, 1e-9) }

// split parts a workload of scale.json into what varies and how much.
func split(workload string) (what, amount string) {
	what, amount, _ = strings.Cut(workload, "/")
	return what, amount
}

// scaleTable is a row per thing that varies and system.
func scaleTable(list []result) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("![Cost of an event as what varies grows](scale.svg)\n\n| varies | query | | ns of CPU/event | M events/s | bytes per key |\n|---|---|---|---|---|---|\n")
	for i := range list {
		r := &list[i]
		if r.Failed != "" {
			continue
		}
		what, amount := split(r.Workload)
		perKey := "–"
		if what == "keys" && r.StateKeys > 0 {
			perKey = number(float64(r.StateBytes) / float64(r.StateKeys))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", what, r.System, amount, nanos(r), wallRate(r), perKey)
	}
	return b.String()
}

// instructionsTable is a row per workload.
func instructionsTable(list []count) string {
	if len(list) == 0 {
		return ""
	}
	per, order := map[string]map[string]float64{}, []string{}
	for _, c := range list {
		if per[c.Workload] == nil {
			per[c.Workload] = map[string]float64{}
			order = append(order, c.Workload)
		}
		per[c.Workload][c.System] = c.InstructionsPerEvent
	}
	slices.Sort(order)
	var b strings.Builder
	b.WriteString("| instructions per event | cepd | loop with hash table | loop with arrays |\n|---|---|---|---|\n")
	for _, w := range order {
		fmt.Fprintf(&b, "| %s", w)
		for _, system := range []string{"cepd", "hand-keyed", "hand"} {
			if n, ok := per[w][system]; ok {
				b.WriteString(" | " + strconv.FormatFloat(n, 'f', 0, 64))
			} else {
				b.WriteString(" | –")
			}
		}
		b.WriteString(" |\n")
	}
	return b.String()
}
