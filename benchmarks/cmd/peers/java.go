package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/broker"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/peers"
	"github.com/cepd/cepd/benchmarks/queries"
)

const (
	warmup      = 2.5 // seconds at scale 1, at least one run
	streamsRuns = 3   // at most: a run takes its time
)

// theirs measure the other engines, each workload in a process of its own.
func theirs(ctx context.Context, s *settings, d *benchmarks.Data) (lines []measure.Line, err error) {
	for i := range plan {
		if p := &plan[i]; s.wants(p.workload, p.system) {
			lines = append(lines, measure.Line{Workload: p.workload, System: p.system, Measure: func() (measure.Result, error) { return p.measure(ctx, s, d) }})
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	fmt.Println("building the other engines' programs")
	return lines, peers.Build(ctx)
}

func (p *peer) measure(ctx context.Context, s *settings, d *benchmarks.Data) (r measure.Result, err error) {
	n := p.at(s.scale)
	args, runs := []string{p.workload}, s.runs
	if p.system == "kafka-streams" {
		b, startErr := broker.Start(ctx, ".")
		if startErr != nil {
			return r, startErr
		}
		defer func() { err = errors.Join(err, b.Stop()) }()
		if args, err = topics(ctx, b, n); err != nil {
			return r, err
		}
		runs = min(runs, streamsRuns)
	}
	args = append(args, strconv.Itoa(n), strconv.FormatFloat(warmup*min(1, s.scale), 'f', 3, 64), strconv.Itoa(runs))
	version, err := peers.Versions()
	if err != nil {
		return r, err
	}
	list, err := peers.Run(ctx, p.module, p.class, append(args, p.options...)...)
	if err != nil {
		return r, err
	}
	r = measure.Median(list)
	r.Note, r.Version = p.note, version[versionOf(p.system)]
	if err := p.check(&r, d); err != nil || p.system == "kafka-streams" {
		return r, err
	}
	w, _ := queries.Find(p.workload)
	r.Beside, err = benchmarks.Beside(d, w, r.Events)
	return r, err
}

// topics are the arguments of an engine that reads Kafka.
func topics(ctx context.Context, b *broker.Broker, n int) ([]string, error) {
	in, err := b.Topic(ctx, 4)
	if err != nil {
		return nil, err
	}
	out, err := b.Topic(ctx, 4)
	if err != nil {
		return nil, err
	}
	_, err = benchmarks.FillTopic(ctx, b.Bootstrap, in, n)
	return []string{b.Bootstrap, in, out}, err
}

// check compares an engine's answer with the loop's.
func (p *peer) check(r *measure.Result, d *benchmarks.Data) error {
	w, ok := queries.Find(p.workload)
	if !ok {
		return errors.New("there is no such workload")
	}
	if p.compare == unlike {
		return nil
	}
	want := benchmarks.Hand(d, w, r.Events)()
	off := max(r.Matches-want, want-r.Matches)
	if off == 0 || p.compare == near && off*20 <= max(want, 20) {
		return nil
	}
	return fmt.Errorf("%d matches in %d events, expected %d", r.Matches, r.Events, want)
}
