// Command testsum reads the output of `go test -json` and of the other steps
// of `make test`, shows what a person needs of it – progress, failures in full,
// why tests were skipped – and counts.
//
//	go test -json ./... | testsum            show and count
//	testsum -tally FILE -step NAME -- CMD…   run a step that passes or fails as a whole
//	testsum -tally FILE -total               the last line: N passed, N failed, N skipped
//
// With -tally the counts are appended to FILE, so that several steps add up.
// It exits 1 when something failed.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	tally := flag.String("tally", "", "`file` that collects the counts of several steps")
	step := flag.String("step", "", "`name` of a step: the command after -- passes or fails as one test")
	total := flag.Bool("total", false, "print the sum of the tally")
	flag.Parse()
	os.Exit(run(*tally, *step, *total, flag.Args()))
}

func run(tally, step string, total bool, command []string) int {
	var c counts
	var err error
	switch {
	case total:
		c, err = readTally(tally)
		fmt.Printf("%d passed, %d failed, %d skipped\n", c.Passed, c.Failed, c.Skipped)
	case step != "":
		c = runStep(step, command)
		err = appendTally(tally, c)
	default:
		s := summary{out: os.Stdout, output: map[string][]string{}}
		if err = s.read(os.Stdin); err == nil {
			err = appendTally(tally, s.counts)
		}
		c = s.counts
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		return 2
	}
	if c.Failed > 0 {
		return 1
	}
	return 0
}

// counts is the sum of a run.
type counts struct{ Passed, Failed, Skipped int }

func runStep(name string, command []string) counts {
	fmt.Printf("== %s\n", name)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Printf("FAIL %s: %v\n", name, err)
		return counts{Failed: 1}
	}
	return counts{Passed: 1}
}

func appendTally(file string, c counts) error {
	if file == "" {
		fmt.Printf("%d passed, %d failed, %d skipped\n", c.Passed, c.Failed, c.Skipped)
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, c.Passed, c.Failed, c.Skipped)
	return errors.Join(err, f.Close())
}

func readTally(file string) (counts, error) {
	var sum counts
	text, err := os.ReadFile(file)
	if err != nil {
		return sum, err
	}
	for line := range strings.Lines(string(text)) {
		var c counts
		if _, err := fmt.Sscan(line, &c.Passed, &c.Failed, &c.Skipped); err != nil {
			return sum, fmt.Errorf("%s: %w", file, err)
		}
		sum.Passed, sum.Failed, sum.Skipped = sum.Passed+c.Passed, sum.Failed+c.Failed, sum.Skipped+c.Skipped
	}
	return sum, nil
}

// event is a line of `go test -json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// summary follows the events. A test with sub-tests that ran is not counted
// itself unless it failed on its own.
type summary struct {
	counts
	out      io.Writer
	output   map[string][]string // of tests and packages under way
	children map[string]bool     // tests that have sub-tests
	failed   map[string]bool
}

func (s *summary) read(r io.Reader) error {
	s.children, s.failed = map[string]bool{}, map[string]bool{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(s.out, lines.Text())
			continue
		}
		s.event(&e)
	}
	return lines.Err()
}

func (e *event) key() string { return e.Package + "\x00" + e.Test }

func (e *event) parent() (string, bool) {
	i := strings.LastIndexByte(e.Test, '/')
	return e.Package + "\x00" + e.Test[:max(i, 0)], i > 0
}

func (s *summary) event(e *event) {
	switch e.Action {
	case "run":
		if p, ok := e.parent(); ok {
			s.children[p] = true
		}
	case "output":
		s.output[e.key()] = append(s.output[e.key()], e.Output)
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "pass", "fail", "skip":
		s.finish(e)
		delete(s.output, e.key())
	}
}

func (s *summary) finish(e *event) {
	if e.Test == "" {
		s.finishPackage(e)
		return
	}
	switch {
	case e.Action == "fail":
		s.fail(e)
	case s.children[e.key()]:
	case e.Action == "skip":
		s.Skipped++
		fmt.Fprintf(s.out, "SKIP %s %s: %s\n", short(e.Package), e.Test, skipReason(s.output[e.key()]))
	default:
		s.Passed++
	}
}

// fail counts a failed test once: its parents fail because of it.
func (s *summary) fail(e *event) {
	if p, ok := e.parent(); ok {
		s.failed[p] = true
	}
	s.failed[e.Package] = true
	if !s.failed[e.key()] {
		s.Failed++
	}
	fmt.Fprintf(s.out, "FAIL %s %s\n%s", short(e.Package), e.Test, strings.Join(s.output[e.key()], ""))
}

// finishPackage shows a package; one that fails without a failed test (it does
// not build, it panics, a goroutine leaks) counts as one failure.
func (s *summary) finishPackage(e *event) {
	switch {
	case e.Action == "fail" && !s.failed[e.Package]:
		s.Failed++
		fmt.Fprintf(s.out, "FAIL %s\n%s", short(e.Package), strings.Join(s.output[e.key()], ""))
	case e.Action == "fail":
		fmt.Fprintf(s.out, "FAIL %s\n", short(e.Package))
	case e.Action == "pass":
		fmt.Fprintf(s.out, "ok   %s  %.1fs\n", short(e.Package), e.Elapsed)
	}
}

func short(pkg string) string { return strings.TrimPrefix(pkg, "github.com/cepd/cepd/") }

func skipReason(output []string) string {
	var reason []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			reason = append(reason, line)
		}
	}
	return strings.Join(reason, " ")
}
