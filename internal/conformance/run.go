package conformance

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/cepd/cepd/internal/decimal"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/function"
)

// Result is what a driver made of a case.
type Result struct {
	Columns []string
	Rows    [][]any
	After   []int // per row, the input entry after which it came out; nil: not known
}

// Driver runs the query of a case.
type Driver interface {
	// Run gives the rows of a case that has a query. A refusal of the query is a
	// *diag.List whose spans refer to c.Query; any other error came while running.
	Run(c *Case) (*Result, error)
}

// Outcome is how one case went.
type Outcome struct {
	Case    *Case
	Failure string // empty: passed
	Reason  string // of a failure, in a word or two: what they are counted by
	Note    string // a lesser fault of a case that passed
}

// Check runs a case and compares.
func Check(c *Case, d Driver) Outcome {
	got, err := d.Run(c)
	if c.Error != nil {
		return checkError(c, got, err)
	}
	if err != nil {
		return Outcome{Case: c, Reason: reason(err), Failure: "error: " + err.Error()}
	}
	if c.CEP != nil {
		return checkMatches(c, got)
	}
	return checkRows(c, got)
}

func reason(err error) string {
	if list, ok := diag.As(err); ok {
		return "refused: " + string(list.Items[0].Code)
	}
	return "error at run time"
}

func checkError(c *Case, got *Result, err error) Outcome {
	if err == nil {
		return Outcome{Case: c, Reason: "accepted", Failure: fmt.Sprintf("expected error %s, got rows\n%s", c.Error.Class, show(got.Rows))}
	}
	class, at := classOf(c, err)
	if class != c.Error.Class && !(c.CEP != nil && c.Error.Class == malformed && malformedClasses[class]) {
		return Outcome{Case: c, Reason: "another error class", Failure: fmt.Sprintf("expected error %s at %v, got %s at %v: %v", c.Error.Class, c.Error.At, class, at, err)}
	}
	o := Outcome{Case: c}
	if class != c.Error.Class {
		o.Note = fmt.Sprintf("error %s: got %s", c.Error.Class, class)
	}
	if len(c.Error.At) == 2 && !slices.Equal(at, c.Error.At) {
		o.Note = fmt.Sprintf("error %s: expected at %v, got at %v", class, c.Error.At, at)
	}
	return o
}

// coded is an error at run time that has a class.
type coded interface{ Code() diag.Code }

// classOf finds the class of an error and, when it has one, its place in the
// query. Of several findings the one that the case expects counts.
func classOf(c *Case, err error) (class string, at []int) {
	if list, ok := diag.As(err); ok {
		d := list.Items[0]
		for _, item := range list.Items {
			if item.Severity == diag.Error && string(item.Code) == c.Error.Class {
				d = item
				break
			}
		}
		line, col := diag.Position(c.Query, d.Span.Start)
		return string(d.Code), []int{line, col}
	}
	var run coded
	if errors.As(err, &run) {
		return string(run.Code()), nil
	}
	if errors.Is(err, function.ErrDivisionByZero) || errors.Is(err, decimal.ErrDivisionByZero) {
		return "division-by-zero", nil
	}
	return "run", nil
}

func checkRows(c *Case, got *Result) Outcome {
	fail := func(reason, format string, args ...any) Outcome {
		return Outcome{Case: c, Reason: reason, Failure: fmt.Sprintf(format, args...)}
	}
	if !slices.EqualFunc(c.Expected.Columns, got.Columns, strings.EqualFold) {
		return fail("other columns", "expected columns %v, got %v", c.Expected.Columns, got.Columns)
	}
	want := make([][]any, len(c.Expected.Rows))
	for i, r := range c.Expected.Rows {
		want[i] = make([]any, len(r))
		for j, x := range r {
			want[i][j] = file(x)
		}
	}
	if !equalRows(want, got.Rows, c.Ordered) {
		return fail("other rows", "expected\n%s    got\n%s", show(want), show(got.Rows))
	}
	if after := c.Expected.EmittedAfter; after != nil && got.After != nil && !slices.Equal(after, got.After) {
		return fail("emitted at another time", "expected after entries %v, got %v", after, got.After)
	}
	return Outcome{Case: c}
}

func equalRows(want, got [][]any, ordered bool) bool {
	if ordered {
		return slices.EqualFunc(want, got, sameRow)
	}
	if len(want) != len(got) {
		return false
	}
	left := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(left, func(g []any) bool { return sameRow(w, g) })
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// Report is how all cases went.
type Report struct {
	Outcomes []Outcome
}

// Run checks every case.
func Run(cases []Case, d Driver) *Report {
	r := &Report{}
	for i := range cases {
		r.Outcomes = append(r.Outcomes, Check(&cases[i], d))
	}
	return r
}

// Failed lists the cases that failed.
func (r *Report) Failed() []Outcome {
	var failed []Outcome
	for _, o := range r.Outcomes {
		if o.Failure != "" {
			failed = append(failed, o)
		}
	}
	return failed
}

// Print writes each failure, the notes, counts per area and reason, and the
// total as the last line.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	for _, o := range r.Failed() {
		fmt.Fprintf(&b, "FAIL %s\n    %s\n", o.Case.ID(), strings.TrimRight(o.Failure, "\n"))
	}
	for _, o := range r.Outcomes {
		if o.Note != "" {
			fmt.Fprintf(&b, "note %s: %s\n", o.Case.ID(), o.Note)
		}
	}
	r.printCounts(&b)
	failed := len(r.Failed())
	fmt.Fprintf(&b, "%d passed, %d failed\n", len(r.Outcomes)-failed, failed)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) printCounts(b *strings.Builder) {
	passed, total, reasons := map[string]int{}, map[string]int{}, map[string]int{}
	for _, o := range r.Outcomes {
		total[o.Case.Area]++
		if o.Failure == "" {
			passed[o.Case.Area]++
		} else {
			reasons[o.Case.Area+": "+o.Reason]++
		}
	}
	for _, area := range sortedKeys(total) {
		fmt.Fprintf(b, "%-16s %4d of %4d\n", area, passed[area], total[area])
	}
	for _, reason := range sortedKeys(reasons) {
		fmt.Fprintf(b, "  failed, %s: %d\n", reason, reasons[reason])
	}
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
