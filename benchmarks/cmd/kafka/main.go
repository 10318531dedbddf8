// Command kafka measures Q1 and Q2 from a topic of a real broker to another, by
// cepd and Flink SQL, beside what clients need for reading the topic alone, and
// latencies at a rate; it writes benchmarks/results/kafka.json and
// kafka-latency.json: make bench-kafka.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/broker"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/peers"
)

const (
	drainDir   = "benchmarks/drain"
	partitions = 4
)

type options struct {
	events, runs int
	only         string
	rate         int
	duration     time.Duration
	out          string
}

func main() {
	var o options
	flag.IntVar(&o.events, "events", 3_000_000, "events in the topic; slow systems read the first of them")
	flag.StringVar(&o.only, "only", "", "workloads or systems, such as Q2,fetch,flink-sql; latency: the latency runs")
	flag.IntVar(&o.runs, "runs", 5, "runs of each; the median by CPU time counts")
	flag.IntVar(&o.rate, "rate", 100_000, "events per second of the latency runs; 0: leave them out")
	flag.DurationVar(&o.duration, "duration", 20*time.Second, "of each latency run")
	flag.StringVar(&o.out, "out", "benchmarks/results/kafka.json", "result file; empty: none is written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "kafka:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) (err error) {
	fmt.Printf("%s, cepd %s; %d events in a topic of %d partitions, %d runs of each\n", measure.Machine(), measure.Version(), o.events, partitions, o.runs)
	b, err := broker.Start(ctx, ".")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Stop()) }()
	s := &session{options: o, broker: b, data: benchmarks.NewTransactions(o.events)}
	if err := s.fill(ctx); err != nil {
		return err
	}
	log, err := measure.NewLog(o.out, o.only != "")
	if err != nil {
		return err
	}
	lines := append(append(s.cepd(ctx), s.drains(ctx)...), s.flinks(ctx)...)
	lines = slices.DeleteFunc(lines, func(l measure.Line) bool { return !o.wants(l.Workload, l.System) })
	err = errors.Join(s.build(ctx, lines), log.Measure(ctx, lines))
	fmt.Println()
	err = errors.Join(err, measure.Print(os.Stdout, log.Results()))
	if !o.wants("latency") {
		return err
	}
	return errors.Join(err, s.latency(ctx))
}

// wants says whether one of the names is asked for.
func (o *options) wants(names ...string) bool {
	asked := strings.Split(o.only, ",")
	return o.only == "" || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(asked, name) })
}

// build builds the programs that lines run. The lines of those that cannot be
// built fail.
func (s *session) build(ctx context.Context, lines []measure.Line) (err error) {
	if slices.ContainsFunc(lines, func(l measure.Line) bool { return l.Workload == "fetch" }) {
		if out, failed := exec.CommandContext(ctx, "make", "-s", "-C", drainDir).CombinedOutput(); failed != nil {
			err = fmt.Errorf("the clients could not be built (they need a C compiler): %w\n%s", failed, out)
		}
	}
	if slices.ContainsFunc(lines, func(l measure.Line) bool { return strings.HasPrefix(l.System, "flink") }) {
		err = errors.Join(err, peers.Build(ctx))
	}
	return err
}

// session is a broker with the topic that is read again and again.
type session struct {
	*options
	broker *broker.Broker
	in     string
	data   *benchmarks.Transactions // what the topic has
}

// fill makes the topic.
func (s *session) fill(ctx context.Context) (err error) {
	if s.in, err = s.broker.Topic(ctx, partitions); err != nil {
		return err
	}
	size, err := benchmarks.FillTopic(ctx, s.broker.Bootstrap, s.in, s.events)
	if err == nil {
		fmt.Printf("%s: %d events of %.0f bytes\n", s.in, s.events, size)
	}
	return err
}

// found is what a query finds in events.
func found(query string, e *benchmarks.Transactions) int {
	if query == "Q1" {
		return benchmarks.HandQ1(e)
	}
	return benchmarks.HandQ2(e)
}

// cepd measure the engine with each guarantee.
func (s *session) cepd(ctx context.Context) (lines []measure.Line) {
	for _, query := range []string{"Q1", "Q2"} {
		for _, kind := range []struct {
			system, guarantee string
			durable           bool
		}{
			{"cepd-none", "none", false}, {"cepd-at-least-once", "at-least-once", false},
			{"cepd-durable", "at-least-once", true}, {"cepd-exactly-once", "exactly-once", true},
		} {
			p := benchmarks.Pipe{Bootstrap: s.broker.Bootstrap, In: s.in, Events: s.events, Query: query, Guarantee: kind.guarantee}
			lines = append(lines, measure.Line{Workload: query, System: kind.system, Measure: func() (measure.Result, error) {
				return measure.Several(s.runs, func() (measure.Result, error) { return s.pipe(ctx, p, kind.durable) })
			}})
		}
	}
	return lines
}

func (s *session) pipe(ctx context.Context, p benchmarks.Pipe, durable bool) (r measure.Result, err error) {
	if p.Out, err = s.broker.Topic(ctx, partitions); err != nil {
		return r, err
	}
	if durable {
		if p.Dir, err = os.MkdirTemp("", "cepd-bench-"); err != nil {
			return r, err
		}
		defer os.RemoveAll(p.Dir)
	}
	r, err = benchmarks.EndToEnd(ctx, &p)
	if want := found(p.Query, s.data); err == nil && r.Matches != want {
		err = fmt.Errorf("%d detections, expected %d", r.Matches, want)
	}
	return r, err
}

// drains measure what clients need for reading the topic.
func (s *session) drains(ctx context.Context) (lines []measure.Line) {
	for _, d := range []struct {
		system, note, program string
		share                 int // one event in so many
	}{
		{"kafka-go", "a Reader per partition, messages dropped", "drain kafka-go", 1},
		{"franz-go", "PollFetches, records dropped", "drain franz-go", 1},
		{"librdkafka", "from C, batches of 1000 messages dropped", "drain-librdkafka", 1},
		{"confluent-kafka-go", "a message a Poll, dropped", "drain confluent-kafka-go", 6},
	} {
		lines = append(lines, measure.Line{Workload: "fetch", System: d.system, Measure: func() (measure.Result, error) {
			command := strings.Fields(d.program)
			args := append(command[1:], s.broker.Bootstrap, s.in, strconv.Itoa(s.events/d.share), strconv.Itoa(s.runs))
			runs, err := peers.Program(ctx, drainDir+"/bin/"+command[0], args...)
			if err != nil {
				return measure.Result{}, err
			}
			r := measure.Median(runs)
			r.Note = d.note
			return r, nil
		}})
	}
	return lines
}

// flinks measure Flink SQL on the beginning of the topic.
func (s *session) flinks(ctx context.Context) (lines []measure.Line) {
	for _, f := range []struct {
		query, system, backend string
		share                  int // one event in so many
		note                   string
	}{
		{"Q1", "flink-sql", "heap", 10, "at least once, heap state"},
		{"Q2", "flink-sql", "heap", 10, "at least once, heap state"},
		{"Q2", "flink-sql-rocksdb", "rocksdb", 500, "at least once, RocksDB, a checkpoint a second"},
	} {
		lines = append(lines, measure.Line{Workload: f.query, System: f.system, Measure: func() (measure.Result, error) {
			r, err := s.flinkSQL(ctx, f.query, f.backend, s.events/f.share/partitions)
			r.Note = f.note + ", parallelism 1, start of the job included"
			return r, err
		}})
	}
	return lines
}

// flinkSQL measures Flink SQL on the first n records of each partition.
func (s *session) flinkSQL(ctx context.Context, query, backend string, n int) (r measure.Result, err error) {
	version, err := peers.Versions()
	if err != nil {
		return r, err
	}
	out, err := s.broker.Topic(ctx, partitions)
	if err != nil {
		return r, err
	}
	const warmup = "3"
	runs, err := peers.Run(ctx, "flink", "FlinkKafkaBench", query, strconv.Itoa(n*partitions), warmup, strconv.Itoa(s.runs),
		backend, s.broker.Bootstrap, s.in, out, strconv.Itoa(partitions))
	if err != nil {
		return r, err
	}
	r = measure.Median(runs)
	r.Version = version["flink.version"]
	if want := found(query, benchmarks.Beginning(s.data, partitions, n)); r.Matches != want {
		err = fmt.Errorf("%d detections, expected %d", r.Matches, want)
	}
	return r, err
}
