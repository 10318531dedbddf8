package main

import "github.com/cepd/cepd/benchmarks/queries"

// peer is a workload on another engine.
type peer struct {
	workload string
	system   string // as in the result file
	module   string // of benchmarks/peers
	class    string
	events   int // at scale 1: a second's work or so
	compare  compare
	note     string
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
	{"Q1", "esper", "esper", "EsperBench", 2_500_000, equal, esperNote},
	{"Q2", "esper", "esper", "EsperBench", 800_000, equal, esperNote + ", match_recognize"},
	{"Q3", "esper", "esper", "EsperBench", 600_000, near, esperNote + ", match_recognize with reluctant gaps" + firstWins},
	{"Q4", "esper", "esper", "EsperBench", 800_000, equal, esperNote + ", match_recognize"},
	{"Q5", "esper", "esper", "EsperBench", 1_500_000, equal, esperNote + ", pattern"},
	{"Q6", "esper", "esper", "EsperBench", 600_000, equal, esperNote + ", context per minute"},
	{"Q7", "esper", "esper", "EsperBench", 2_000_000, equal, esperNote + ", sums per minute added up"},
	{"Q8", "esper", "esper", "EsperBench", 50_000, equal, esperNote + ", pattern"},
	{"Q8-wide", "esper", "esper", "EsperBench", 10_000, equal, esperNote + ", pattern"},
	{"Q9-100", "esper", "esper", "EsperBench", 20_000, equal, esperNote + ", match_recognize"},

	{"Q1", "flink-cep", "flink", "FlinkCepBench", 5_000_000, equal, streamNote},
	{"Q2", "flink-cep", "flink", "FlinkCepBench", 200_000, equal, cepNote},
	{"Q3", "flink-cep", "flink", "FlinkCepBench", 150_000, equal, cepNote},
	{"Q4", "flink-cep", "flink", "FlinkCepBench", 250_000, equal, cepNote},
	{"Q5", "flink-cep", "flink", "FlinkCepBench", 300_000, equal, cepNote},
	{"Q6", "flink-cep", "flink", "FlinkCepBench", 400_000, equal, streamNote},
	{"Q8", "flink-cep", "flink", "FlinkCepBench", 1_000, equal, cepNote + ", followedByAny"},
	{"Q9-100", "flink-cep", "flink", "FlinkCepBench", 1_000, equal, cepNote},

	{"Q1", "flink-sql", "flink", "FlinkSqlBench", 3_000_000, equal, sqlNote},
	{"Q2", "flink-sql", "flink", "FlinkSqlBench", 150_000, equal, sqlNote},
	{"Q3", "flink-sql", "flink", "FlinkSqlBench", 100_000, equal, sqlNote},
	{"Q4", "flink-sql", "flink", "FlinkSqlBench", 200_000, equal, sqlNote},
	{"Q6", "flink-sql", "flink", "FlinkSqlBench", 250_000, equal, sqlNote},
	{"Q7", "flink-sql", "flink", "FlinkSqlBench", 1_500_000, equal, sqlNote},

	{"Q1", "siddhi", "siddhi", "SiddhiBench", 600_000, equal, siddhiNote},
	{"Q2", "siddhi", "siddhi", "SiddhiBench", 120_000, equal, siddhiNote},
	{"Q3", "siddhi", "siddhi", "SiddhiBench", 50_000, near, siddhiNote + firstWins},
	{"Q5", "siddhi", "siddhi", "SiddhiBench", 150_000, equal, siddhiNote},
	{"Q6", "siddhi", "siddhi", "SiddhiBench", 300_000, equal, siddhiNote},
	{"Q7", "siddhi", "siddhi", "SiddhiBench", 50_000, unlike, siddhiNote + siddhiQ7},

	{"Q6", "kafka-streams", "streams", "StreamsBench", 65_000, unlike, streamsNote},
}

// versions are the properties of the pom that name a system's version.
var versions = map[string]string{
	"esper": "esper.version", "flink-cep": "flink.version", "flink-sql": "flink.version", "siddhi": "siddhi.version", "kafka-streams": "kafka.version",
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
