package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/benchmarks"
	"github.com/cepd/cepd/benchmarks/broker"
	"github.com/cepd/cepd/benchmarks/measure"
	"github.com/cepd/cepd/benchmarks/queries"
)

const (
	peersDir     = "benchmarks/peers"
	jvmTimeout   = 5 * time.Minute
	buildTimeout = 10 * time.Minute // the first time, the engines are downloaded
	warmup       = 2.5              // seconds at scale 1, at least one run
	streamsRuns  = 3                // at most: a run takes its time
)

// jvm is how every engine's process is started. The opened packages are what
// Flink's serializers reach into.
var jvm = []string{
	"-Xmx4g", "-XX:+UseParallelGC",
	"--add-opens=java.base/java.util.concurrent=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED",
	"--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.time=ALL-UNNAMED", "--add-opens=java.base/java.nio=ALL-UNNAMED",
}

// theirs measures the other engines, each workload in a process of its own. One
// that fails leaves the others alone; the error tells of all.
func theirs(ctx context.Context, s *settings, d *benchmarks.Data) (results []measure.Result, err error) {
	if err := build(ctx); err != nil {
		return nil, err
	}
	version, err := readVersions()
	if err != nil {
		return nil, err
	}
	var errs []error
	for i := range plan {
		p := &plan[i]
		if !s.wants(p.workload, p.system) {
			continue
		}
		r, err := p.measure(ctx, s, d)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s by %s: %w", p.workload, p.system, err))
			fmt.Println(errs[len(errs)-1])
			continue
		}
		r.Version = version[versions[p.system]]
		fmt.Printf("%-8s %-14s %8.3f M events/CPU-s  %d of %d matches\n", r.Workload, r.System, r.PerCPUSecond()/1e6, r.Matches, r.Events)
		results = append(results, r)
	}
	return results, errors.Join(errs...)
}

func build(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "-Dstyle.color=never", "package")
	cmd.Dir = peersDir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn package in %s (Java 17 and Maven are needed): %w\n%s", peersDir, err, out)
	}
	return nil
}

// readVersions reads the properties of the pom.
func readVersions() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(peersDir, "pom.xml"))
	if err != nil {
		return nil, err
	}
	var pom struct {
		Properties struct {
			All []struct {
				XMLName xml.Name
				Value   string `xml:",chardata"`
			} `xml:",any"`
		} `xml:"properties"`
	}
	if err := xml.Unmarshal(text, &pom); err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, p := range pom.Properties.All {
		versions[p.XMLName.Local] = p.Value
	}
	return versions, nil
}

func (p *peer) measure(ctx context.Context, s *settings, d *benchmarks.Data) (measure.Result, error) {
	n := p.at(s.scale)
	args, runs := []string{p.workload}, s.runs
	if p.system == "kafka-streams" {
		b, err := broker.Start(ctx, ".")
		if err != nil {
			return measure.Result{}, err
		}
		defer b.Stop()
		if args, err = topics(ctx, b, n); err != nil {
			return measure.Result{}, err
		}
		runs = min(runs, streamsRuns)
	}
	args = append(args, strconv.Itoa(n), strconv.FormatFloat(warmup*min(1, s.scale), 'f', 3, 64), strconv.Itoa(runs))
	list, err := p.java(ctx, args)
	if err != nil {
		return measure.Result{}, err
	}
	r := measure.Median(list)
	r.Workload, r.System, r.Note = p.workload, p.system, p.note
	r.Stamp(time.Now())
	return r, p.check(&r, d)
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

// java runs an engine's process, which prints a result a line.
func (p *peer) java(ctx context.Context, args []string) (list []measure.Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, jvmTimeout)
	defer cancel()
	target := filepath.Join(peersDir, p.module, "target")
	classes := filepath.Join(target, "classes") + ":" + filepath.Join(target, "lib", "*")
	cmd := exec.CommandContext(ctx, "java", append(append(append([]string{}, jvm...), "-cp", classes, "peers."+p.class), args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w\n%s", errors.Join(err, ctx.Err()), tail(stderr.String()+stdout.String()))
	}
	lines := bufio.NewScanner(&stdout)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "{") {
			continue // an engine's own words
		}
		var r measure.Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no result\n%s", tail(stderr.String()))
	}
	return list, nil
}

// tail is the last lines of an output.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
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
	if off == 0 || p.compare == near && off*20 <= want {
		return nil
	}
	return fmt.Errorf("%d matches in %d events, expected %d", r.Matches, r.Events, want)
}
