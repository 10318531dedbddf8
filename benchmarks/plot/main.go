// Command plot makes the tables and plots of docs/benchmarks of the result
// files: make bench-page. It is a module of its own, so that cepd does not
// depend on what draws.
//
//	plot RESULTS DOCS
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: plot RESULTS DOCS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(from, docs string) error {
	r, err := readResults(from)
	if err != nil {
		return err
	}
	return errors.Join(
		peersPlot(r.peers, filepath.Join(docs, "peers.svg")),
		handPlot(r.memory, filepath.Join(docs, "memory.svg")),
		kafkaPlot(r.kafka, filepath.Join(docs, "kafka.svg")),
		scalePlot(r.scale, filepath.Join(docs, "scale.svg")),
		latencyPlot(&r, filepath.Join(docs, "latency.svg")),
		fillPage(&r, filepath.Join(docs, "README.md")),
	)
}
