package main

import (
	"strings"

	"github.com/cepd/cepd/benchmarks/queries"
)

// peer is a workload on another engine.
type peer struct {
	workload string
	system   string // as in the result file
	module   string // of benchmarks/peers
	class    string
	events   int // at scale 1: a second's work or so
	compare  compare
	note     string
	options  []string // further arguments of the class
}

// compare says how the number of matches relates to that of the loop.
type compare uint8

const (
	equal  compare = iota
	near           // up to a twentieth apart: another choice among overlapping matches
	unlike         // another question is answered: the note says which
)

const (
	esperNote   = "embedded, one thread"
	cepNote     = "pattern API, in process, objects re-used, heap state, parallelism 1"
	streamNote  = "DataStream API, in process, objects re-used, heap state, parallelism 1"
	sqlNote     = "in process, objects re-used, heap state, parallelism 1"
	siddhiNote  = "embedded, synchronous, playback"
	firstWins   = "; of overlapping matches the one that completes first counts"
	siddhiQ7    = "; its windows slide with each event and are looked at once a minute"
	streamsNote = "Kafka JSON to Kafka, at least once, one thread; windows open at the end are not emitted"
)

// plan is what is run, and how much of it. Engines that are slow get fewer
// events: events per second of CPU compare, wall times do not.
var plan = []peer{
	{"Q1", "esper", "esper", "EsperBench", 2_500_000, equal, esperNote, nil},
	{"Q2", "esper", "esper", "EsperBench", 800_000, equal, esperNote + ", match_recognize", nil},
	{"Q3", "esper", "esper", "EsperBench", 600_000, near, esperNote + ", match_recognize with reluctant gaps" + firstWins, nil},
	{"Q4", "esper", "esper", "EsperBench", 800_000, equal, esperNote + ", match_recognize", nil},
	{"Q5", "esper", "esper", "EsperBench", 1_500_000, equal, esperNote + ", pattern", nil},
	{"Q6", "esper", "esper", "EsperBench", 600_000, equal, esperNote + ", context per minute", nil},
	{"Q7", "esper", "esper", "EsperBench", 2_000_000, equal, esperNote + ", sums per minute added up", nil},
	{"Q8", "esper", "esper", "EsperBench", 50_000, equal, esperNote + ", pattern", nil},
	{"Q8-wide", "esper", "esper", "EsperBench", 10_000, equal, esperNote + ", pattern", nil},
	{"Q9-100", "esper", "esper", "EsperBench", 20_000, equal, esperNote + ", match_recognize", nil},

	{"Q1", "flink-cep", "flink", "FlinkCepBench", 5_000_000, equal, streamNote, nil},
	{"Q2", "flink-cep", "flink", "FlinkCepBench", 200_000, equal, cepNote, nil},
	{"Q3", "flink-cep", "flink", "FlinkCepBench", 150_000, equal, cepNote, nil},
	{"Q4", "flink-cep", "flink", "FlinkCepBench", 250_000, equal, cepNote, nil},
	{"Q5", "flink-cep", "flink", "FlinkCepBench", 300_000, equal, cepNote, nil},
	{"Q6", "flink-cep", "flink", "FlinkCepBench", 400_000, equal, streamNote, nil},
	{"Q8", "flink-cep", "flink", "FlinkCepBench", 1_000, equal, cepNote + ", followedByAny", nil},
	{"Q9-100", "flink-cep", "flink", "FlinkCepBench", 1_000, equal, cepNote, nil},

	{"Q1", "flink-sql", "flink", "FlinkSqlBench", 3_000_000, equal, sqlNote, nil},
	{"Q2", "flink-sql", "flink", "FlinkSqlBench", 150_000, equal, sqlNote, nil},
	{"Q3", "flink-sql", "flink", "FlinkSqlBench", 100_000, equal, sqlNote, nil},
	{"Q4", "flink-sql", "flink", "FlinkSqlBench", 200_000, equal, sqlNote, nil},
	{"Q6", "flink-sql", "flink", "FlinkSqlBench", 250_000, equal, sqlNote, nil},
	{"Q7", "flink-sql", "flink", "FlinkSqlBench", 1_500_000, equal, sqlNote, nil},

	{"Q2", "flink-sql-heap", "flink", "FlinkSqlBench", 100_000, equal, "in process, heap state, a checkpoint a second", []string{"hashmap"}},
	{"Q2", "flink-sql-rocksdb", "flink", "FlinkSqlBench", 4_000, equal, "in process, RocksDB, incremental checkpoints, one a second", []string{"rocksdb"}},

	{"Q1", "siddhi", "siddhi", "SiddhiBench", 600_000, equal, siddhiNote, nil},
	{"Q2", "siddhi", "siddhi", "SiddhiBench", 120_000, equal, siddhiNote, nil},
	{"Q3", "siddhi", "siddhi", "SiddhiBench", 50_000, near, siddhiNote + firstWins, nil},
	{"Q5", "siddhi", "siddhi", "SiddhiBench", 150_000, equal, siddhiNote, nil},
	{"Q6", "siddhi", "siddhi", "SiddhiBench", 300_000, equal, siddhiNote, nil},
	{"Q7", "siddhi", "siddhi", "SiddhiBench", 50_000, unlike, siddhiNote + siddhiQ7, nil},

	{"Q6", "kafka-streams", "streams", "StreamsBench", 65_000, unlike, streamsNote, nil},
}

// versionOf is the property of the pom that names a system's version.
func versionOf(system string) string {
	switch {
	case strings.HasPrefix(system, "flink"):
		return "flink.version"
	case system == "kafka-streams":
		return "kafka.version"
	}
	return system + ".version"
}

// at is the number of events at a scale: of the workload at most, where it says
// how many it has.
func (p *peer) at(scale float64) int {
	n := max(1000, int(float64(p.events)*scale))
	if w, ok := queries.Find(p.workload); ok && p.system != "kafka-streams" {
		n = min(n, max(w.Events, p.events))
	}
	return n
}
