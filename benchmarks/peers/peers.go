// Package peers runs the programs of this folder, which measure other engines
// on cepd's workloads, in JVMs of their own.
package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cepd/cepd/benchmarks/measure"
)

// Dir is the folder, from the root of the repository.
const Dir = "benchmarks/peers"

const (
	runTimeout   = 3 * time.Minute  // of all runs of a line
	buildTimeout = 10 * time.Minute // the first time, the engines are downloaded
)

// options is how every JVM is started. The opened packages are what Flink's
// serializers reach into.
var options = []string{
	"-Xmx4g", "-XX:+UseParallelGC",
	"--add-opens=java.base/java.util.concurrent=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED",
	"--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.time=ALL-UNNAMED", "--add-opens=java.base/java.nio=ALL-UNNAMED",
}

// Build builds the programs with Maven.
func Build(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "-Dstyle.color=never", "package")
	cmd.Dir = Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn package in %s (Java 17 and Maven are needed): %w\n%s", Dir, err, out)
	}
	return nil
}

// Versions are the properties of the pom: flink.version and the like.
func Versions() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(Dir, "pom.xml"))
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

// Run runs a class of a module and gives the result of each run.
func Run(ctx context.Context, module, class string, args ...string) ([]measure.Result, error) {
	return Program(ctx, "java", Java(module, class, args...)...)
}

// Java are the arguments of java that run a class of a module.
func Java(module, class string, args ...string) []string {
	target := filepath.Join(Dir, module, "target")
	classes := filepath.Join(target, "classes") + ":" + filepath.Join(target, "lib", "*")
	return append(append(append([]string{}, options...), "-cp", classes, "peers."+class), args...)
}

// Program runs any program that prints a result as JSON for each run.
func Program(ctx context.Context, name string, args ...string) ([]measure.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w\n%s", errors.Join(err, ctx.Err()), tail(stderr.String()+stdout.String()))
	}
	list, err := results(&stdout)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("no result\n%s", tail(stderr.String()))
	}
	return list, err
}

// results reads the lines that are JSON; others are an engine's own words.
func results(r io.Reader) (list []measure.Result, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "{") {
			continue
		}
		var r measure.Result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, lines.Err()
}

// tail is the last lines of an output.
func tail(s string) string {
	const most = 30
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
