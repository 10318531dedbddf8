// Command kafka measures Q2 from a topic of a real broker to another, by cepd
// and Flink SQL, beside what clients need for reading the topic alone, and
// writes benchmarks/results/kafka.json: make bench-kafka.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
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
	events, flinkEvents, runs int
	rate                      int
	duration                  time.Duration
	out                       string
}

func main() {
	var o options
	flag.IntVar(&o.events, "events", 3_000_000, "events in the topic")
	flag.IntVar(&o.flinkEvents, "flink-events", 300_000, "events of the topic for Flink SQL; 0: leave it out")
	flag.IntVar(&o.runs, "runs", 3, "runs of each; the median by CPU time counts")
	flag.IntVar(&o.rate, "rate", 100_000, "events per second of the latency run; 0: leave it out")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "of the latency run")
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
	s := &session{options: o, broker: b}
	if s.in, err = s.fill(ctx, o.events); err != nil {
		return err
	}
	// A system that fails leaves the others alone.
	errs := []error{s.cepd(ctx), s.drains(ctx), s.flink(ctx), s.latency(ctx)}
	fmt.Println()
	errs = append(errs, measure.Print(os.Stdout, s.results))
	if o.out != "" {
		errs = append(errs, measure.Write(o.out, s.results))
	}
	return errors.Join(errs...)
}

// session is a broker with the topic that is read again and again.
type session struct {
	*options
	broker  *broker.Broker
	in      string
	results []measure.Result
}

// fill makes a topic of n events.
func (s *session) fill(ctx context.Context, n int) (string, error) {
	topic, err := s.broker.Topic(ctx, partitions)
	if err != nil {
		return "", err
	}
	size, err := benchmarks.FillTopic(ctx, s.broker.Bootstrap, topic, n)
	if err == nil {
		fmt.Printf("%s: %d events of %.0f bytes\n", topic, n, size)
	}
	return topic, err
}

func (s *session) add(r measure.Result) {
	r.Stamp(time.Now())
	fmt.Printf("%-6s %-20s %6.3f M events per CPU-second, %6.3f M/s; %s\n", r.Workload, r.System, r.PerCPUSecond()/1e6,
		float64(r.Events)/max(r.WallSeconds, 1e-9)/1e6, r.Note)
	s.results = append(s.results, r)
}

// cepd measures the engine: without state on disk, with it, exactly once.
func (s *session) cepd(ctx context.Context) error {
	want := benchmarks.HandQ2(benchmarks.NewTransactions(s.events))
	for _, kind := range []struct{ durable, exactlyOnce bool }{{}, {durable: true}, {true, true}} {
		var runs []measure.Result
		for range s.runs {
			r, err := s.pipe(ctx, kind.durable, kind.exactlyOnce)
			if why := benchmarks.Unsupported(err); kind.exactlyOnce && why != "" {
				fmt.Println("cepd, exactly once: not yet runnable:", why)
				return nil
			}
			if err == nil && r.Matches != want {
				err = fmt.Errorf("%d detections, expected %d", r.Matches, want)
			}
			if err != nil {
				return fmt.Errorf("cepd: %w", err)
			}
			runs = append(runs, r)
		}
		s.add(measure.Median(runs))
	}
	return nil
}

func (s *session) pipe(ctx context.Context, durable, exactlyOnce bool) (r measure.Result, err error) {
	p := &benchmarks.Pipe{Bootstrap: s.broker.Bootstrap, In: s.in, Events: s.events, ExactlyOnce: exactlyOnce}
	if p.Out, err = s.broker.Topic(ctx, partitions); err != nil {
		return r, err
	}
	if durable {
		if p.Dir, err = os.MkdirTemp("", "cepd-bench-"); err != nil {
			return r, err
		}
		defer os.RemoveAll(p.Dir)
	}
	return benchmarks.EndToEnd(ctx, p)
}

// drains measures what clients need for reading the topic.
func (s *session) drains(ctx context.Context) error {
	build := exec.CommandContext(ctx, "make", "-s", "-C", drainDir)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("the clients could not be built (they need a C compiler): %w\n%s", err, out)
	}
	for _, d := range []struct{ system, note, program string }{
		{"kafka-go", "fetch alone, a Reader per partition, messages dropped", "drain kafka-go"},
		{"franz-go", "fetch alone, PollFetches, records dropped", "drain franz-go"},
		{"librdkafka", "fetch alone, from C, batches of 1000 messages dropped", "drain-librdkafka"},
		{"confluent-kafka-go", "fetch alone, a message a Poll, dropped", "drain confluent-kafka-go"},
	} {
		command := strings.Fields(d.program)
		args := append(command[1:], s.broker.Bootstrap, s.in, strconv.Itoa(s.events), strconv.Itoa(s.runs))
		runs, err := peers.Program(ctx, drainDir+"/bin/"+command[0], args...)
		if err != nil {
			return fmt.Errorf("%s: %w", d.system, err)
		}
		r := measure.Median(runs)
		r.Workload, r.System, r.Note = "fetch", d.system, d.note
		s.add(r)
	}
	return nil
}

// flink measures Flink SQL on a shorter topic, at least once, state on the heap.
func (s *session) flink(ctx context.Context) error {
	if s.flinkEvents == 0 {
		return nil
	}
	if err := peers.Build(ctx); err != nil {
		return err
	}
	version, err := peers.Versions()
	if err != nil {
		return err
	}
	in, err := s.fill(ctx, s.flinkEvents)
	if err != nil {
		return err
	}
	out, err := s.broker.Topic(ctx, partitions)
	if err != nil {
		return err
	}
	const warmup = "3"
	runs, err := peers.Run(ctx, "flink", "FlinkKafkaBench", s.broker.Bootstrap, in, out, strconv.Itoa(s.flinkEvents), warmup, strconv.Itoa(s.runs))
	if err != nil {
		return fmt.Errorf("flink-sql: %w", err)
	}
	r := measure.Median(runs)
	r.Workload, r.System, r.Version = "Q2", "flink-sql", version["flink.version"]
	r.Note = "Kafka to Kafka, JSON, at least once, state on the heap, parallelism 1, start of the job included"
	s.add(r)
	return nil
}
