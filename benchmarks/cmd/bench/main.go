// Command bench runs cepd's workloads, prints a table and writes the result
// files: make bench.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"

	"github.com/cepd/cepd/benchmarks"
)

func main() {
	var o options
	flag.IntVar(&o.events, "events", 5_000_000, "events of the in-memory workloads; answers are checked at the default")
	flag.IntVar(&o.runs, "runs", 3, "runs of each; the median by CPU time counts")
	flag.StringVar(&o.only, "only", "", "one workload, such as Q2")
	flag.StringVar(&o.out, "out", "benchmarks/results", "folder of the result files; empty: none are written")
	flag.IntVar(&o.kafka, "kafka-events", 5_000_000, "events of the end-to-end workload on a Kafka broker, which it starts (Java and Maven); 0: leave it out")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the in-memory runs of cepd")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	events, runs, kafka int
	only, out, profile  string
}

func run(o options) error {
	fmt.Printf("%s, cepd %s\n\nin memory, one core\n", benchmarks.Machine(), benchmarks.Version())
	results, err := inMemory(o)
	if err != nil {
		return err
	}
	if err := benchmarks.Print(os.Stdout, results); err != nil {
		return err
	}
	if o.out != "" {
		if err := benchmarks.Write(filepath.Join(o.out, "memory.json"), results); err != nil {
			return err
		}
	}
	if o.kafka == 0 || o.only != "" {
		return nil
	}
	return endToEnd(o)
}

// endToEnd runs the test that has a broker, in a process of its own so that its
// memory is its own.
func endToEnd(o options) error {
	dir := o.out
	if dir == "" {
		tmp, err := os.MkdirTemp("", "cepd-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		dir = tmp
	}
	path, err := filepath.Abs(filepath.Join(dir, "kafka.json"))
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "test", "./benchmarks", "-count=1", "-run", "TestKafkaToKafka",
		"-kafka-events", strconv.Itoa(o.kafka), "-kafka-results", path)
	cmd.Env = append(os.Environ(), "CI=true") // no broker is an error, not a skip
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	results, err := benchmarks.Read(path)
	if err != nil {
		return err
	}
	fmt.Print("\nend to end: Kafka topic of 4 partitions, JSON -> Q2 -> Kafka topic\n")
	return benchmarks.Print(os.Stdout, results)
}

func inMemory(o options) (results []benchmarks.Result, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	t := benchmarks.Generate(o.events)
	stop, err := profile(o.profile)
	if err != nil {
		return nil, err
	}
	defer stop()
	for i := range benchmarks.Workloads {
		w := &benchmarks.Workloads[i]
		if o.only != "" && o.only != w.Name {
			continue
		}
		for _, hand := range []bool{false, true} {
			var runs []benchmarks.Result
			for range o.runs {
				r, err := benchmarks.InMemory(t, w, hand)
				if err != nil {
					return nil, err
				}
				runs = append(runs, r)
			}
			results = append(results, benchmarks.Median(runs))
		}
	}
	return results, nil
}

// profile starts a CPU profile if there is a path for it.
func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}, nil
}
