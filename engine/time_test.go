package engine_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/engine/enginetest"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state"
	"github.com/cepd/cepd/state/memstore"
)

// timeTest is a query over table t, whose partitions are fed line by line:
//
//	query         compile and open; args: partitions
//	step          rows of a step, "partition: seconds,value" ("u: …" of table u), then the outputs
//	clock         move the clock by the argument and step
//	show          partition, n: only the first n records can be read (-1: all); step
//	deaf          partition, true or false: it does not answer; step
//	stall         rows of a step after which the sink is full for as long as the argument; step
//	crash         open the query again from what was committed, and step
//	end           end the input and step
type timeTest struct {
	t     *testing.T
	w     *enginetest.World
	in    *enginetest.Input
	other *enginetest.Input // table u, of one partition
	q     *enginetest.Compiled
	store state.Store
	p     *engine.Pipeline
	clock *clock.Manual
	shown map[string]int
}

func TestTime(t *testing.T) {
	datadriven.Walk(t, "testdata/time", func(t *testing.T, path string) {
		c := &timeTest{t: t}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "query":
				c.open(d)
				return "ok\n"
			case "step":
				c.feed(d.Input)
			case "clock":
				d, err := time.ParseDuration(d.CmdArgs[0].Key)
				if err != nil {
					t.Fatal(err)
				}
				c.clock.Advance(d)
			case "show":
				part, _ := strconv.Atoi(d.CmdArgs[0].Key)
				n, _ := strconv.Atoi(d.CmdArgs[1].Key)
				c.in.Show(part, n)
			case "deaf":
				part, _ := strconv.Atoi(d.CmdArgs[0].Key)
				c.in.Deaf(part, d.CmdArgs[1].Key == "true")
			case "stall":
				c.stall(d)
			case "crash":
				c.start()
			case "end":
				c.in.End()
			}
			return c.step()
		})
	})
}

func (c *timeTest) open(d *datadriven.TestData) {
	var partitions int
	d.ScanArgs(c.t, "partitions", &partitions)
	c.w, c.clock, c.shown = enginetest.NewWorld(), &clock.Manual{}, map[string]int{}
	c.in = c.w.Input("t", make([][]string, partitions)...).Open()
	c.other = c.w.Input("u", nil).Open()
	var err error
	if c.q, err = enginetest.Compile(d.Input); err != nil {
		c.t.Fatal(err)
	}
	c.store = memstore.New()
	c.start()
}

func (c *timeTest) start() {
	o := c.w.Options()
	o.Clock = c.clock
	c.p = c.w.Pipeline(c.t, c.q, o, c.store)
}

func (c *timeTest) feed(lines string) {
	for _, line := range strings.Split(lines, "\n") {
		part, values, _ := strings.Cut(line, ": ")
		in, n := c.in, 0
		if part == "u" {
			in = c.other
		} else if _, err := fmt.Sscan(part, &n); err != nil {
			c.t.Fatal(err)
		}
		for _, v := range strings.Fields(values) {
			second, v, _ := strings.Cut(v, ",")
			if second != "" {
				second += "000"
			}
			in.Append(n, second+","+v)
		}
	}
}

// stall takes the rows, whose output fills the sink, and finds it full until
// the clock has moved.
func (c *timeTest) stall(d *datadriven.TestData) {
	wait, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		c.t.Fatal(err)
	}
	c.feed(d.Input)
	for range 2 {
		if _, err := c.p.Step(context.Background()); err != nil {
			c.t.Fatal(err)
		}
	}
	c.clock.Advance(wait)
}

// step runs until nothing happens and shows what has come out since, and the
// state of time.
func (c *timeTest) step() string {
	var b strings.Builder
	for {
		idle, err := enginetest.Round(c.p)
		if err != nil {
			return fmt.Sprintf("error: %v\n", err)
		}
		if idle {
			break
		}
	}
	if _, err := c.p.Deliver(context.Background()); err != nil {
		c.t.Fatal(err)
	}
	for _, table := range []string{"o", "late", "dead"} {
		texts := c.w.Output(table).Texts()
		for _, r := range texts[c.shown[table]:] {
			fmt.Fprintf(&b, "%s: %s\n", table, r)
		}
		c.shown[table] = len(texts)
	}
	s := c.p.Status()
	fmt.Fprintf(&b, "watermark %s", s.Watermark)
	for _, p := range s.Partitions {
		if p.Late+p.Rejects > 0 {
			fmt.Fprintf(&b, "; partition %d late %d rejects %d", p.Partition, p.Late, p.Rejects)
		}
		if p.Idle {
			fmt.Fprintf(&b, "; partition %d idle", p.Partition)
		}
		if p.Paused {
			fmt.Fprintf(&b, "; %s %d paused at %d of %d", p.Table, p.Partition, p.Position, p.End)
		}
	}
	if s.HeldBackBy != "" {
		fmt.Fprintf(&b, "\nheld back: %s", s.HeldBackBy)
	}
	if s.Next != nil {
		fmt.Fprintf(&b, "\n%s", s.Next)
	}
	if s.Hint != "" {
		fmt.Fprintf(&b, "\nhint: %s", s.Hint)
	}
	return b.String() + "\n"
}

// TestFreshness looks for the newest times, and the advice, of a table that is
// read, and of what is made of it with and without a stage.
func TestFreshness(t *testing.T) {
	for _, insert := range []string{
		"SELECT card, ts FROM payments",
		"SELECT card, at FROM payments MATCH_RECOGNIZE (PARTITION BY card ORDER BY ts MEASURES A.ts AS at PATTERN (A) DEFINE A AS TRUE)",
	} {
		w := enginetest.NewWorld()
		w.Input("payments", append(cards(60), `{"card":1,"amount":1,"ts":"2026-01-01 00:00:48"}`))
		c, err := enginetest.Compile(payments + "CREATE TABLE o (card BIGINT, ts TIMESTAMP(3)) WITH ('connector'='test');\nINSERT INTO o " + insert)
		if err != nil {
			t.Fatal(err)
		}
		p := w.Pipeline(t, c, w.Options(), nil)
		if err := enginetest.Finish(p); err != nil {
			t.Fatal(err)
		}
		const newest = "2026-01-01T00:00:59Z"
		s := p.Status()
		if s.Partitions[0].Newest != newest || s.Sources[0].Newest != newest || s.Sinks[0].Newest != newest {
			t.Errorf("%s: partition %s, table %s, sink %s", insert, s.Partitions[0].Newest, s.Sources[0].Newest, s.Sinks[0].Newest)
		}
		if d := s.Sources[0].Disorder; d == nil || d.Rows != 61 || d.Max != 11 || d.P50 != 0 {
			t.Errorf("%s: %+v", insert, d)
		}
		const advice = "a delay of 11 s would have kept 100 % of rows; it is 5 s, which keeps 98.3 %"
		if staged := strings.Contains(insert, "MATCH"); staged != (s.Sources[0].Advice == advice) {
			t.Errorf("%s: %q", insert, s.Sources[0].Advice)
		}
	}
}
