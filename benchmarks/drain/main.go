// Command drain reads a topic to a number of records with one Kafka client and
// does nothing with them: what fetching alone costs, beside cepd.
//
//	drain CLIENT BOOTSTRAP TOPIC RECORDS RUNS
//
// CLIENT is kafka-go, franz-go or confluent-kafka-go. It prints a result as JSON
// for each run. It is a module of its own: confluent-kafka-go needs cgo, cepd
// does without. librdkafka itself, from C, is c/librdkafka.c.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// drainer reads n records of four partitions and gives the bytes of their
// values.
type drainer func(ctx context.Context, bootstrap, topic string, n int) (bytes int64, err error)

const partitions = 4

var clients = map[string]drainer{"kafka-go": kafkaGo, "franz-go": franzGo, "confluent-kafka-go": confluent}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "drain:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 5 || clients[args[0]] == nil {
		return fmt.Errorf("usage: drain kafka-go|franz-go|confluent-kafka-go BOOTSTRAP TOPIC RECORDS RUNS")
	}
	n, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	runs, err := strconv.Atoi(args[4])
	if err != nil {
		return err
	}
	for range runs {
		if err := measure(clients[args[0]], version(args[0]), args[1], args[2], n); err != nil {
			return err
		}
	}
	return nil
}

// result is a run, in the names of the result files.
type result struct {
	Version     string  `json:"version"`
	Events      int     `json:"events"`
	WallSeconds float64 `json:"wall_seconds"`
	CPUSeconds  float64 `json:"cpu_seconds"`
	Matches     int     `json:"matches"`
	RSSMB       float64 `json:"rss_mb"`
}

func measure(d drainer, version, bootstrap, topic string, n int) error {
	cpu, wall := usage(), time.Now()
	bytes, err := d(context.Background(), bootstrap, topic, n)
	if err != nil {
		return err
	}
	if bytes == 0 {
		return fmt.Errorf("no bytes in %d records", n)
	}
	return json.NewEncoder(os.Stdout).Encode(result{Version: version, Events: n, WallSeconds: time.Since(wall).Seconds(), CPUSeconds: (usage() - cpu).Seconds(), RSSMB: peakRSS()})
}

// version is that of the client's module.
func version(client string) string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if strings.Contains(m.Path+"/", "/"+client+"/") {
			return m.Version
		}
	}
	return ""
}

// usage is the user and system time of the process.
func usage() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// peakRSS is the highest resident set in MB. getrusage has that of the parent
// too, if it was higher.
func peakRSS() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	return 0
}

func brokers(bootstrap string) []string { return strings.Split(bootstrap, ",") }
