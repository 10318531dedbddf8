package conformance

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/reference"
	"github.com/cepd/cepd/operators/pattern"
)

// TestRandomSelection compares SELECT, CONSUME BY and LIMIT with the naive
// matcher, in all variants. Of the matches of one row that are not ranked the
// order is not fixed.
func TestRandomSelection(t *testing.T) {
	n := *seeds
	if n == 0 {
		n = defaultSeeds / 5
	}
	if testing.Short() {
		n /= 4
	}
	compared, withMatch := 0, 0
	for i := range n {
		seed := *firstSeed + uint64(i)
		difference, rows, ok := judgeSelection(GenerateSelection(seed), seed)
		if ok {
			compared++
		}
		if rows > 0 {
			withMatch++
		}
		if difference != "" {
			small := Minimise(GenerateSelection(seed), func(c *Case) bool { d, _, _ := judgeSelection(c, seed); return d != "" })
			difference, _, _ = judgeSelection(small, seed)
			t.Fatalf("%s\n%s\nagain: go test ./internal/conformance -run TestRandomSelection -seeds 1 -seed %d", difference, small.Text(), seed)
		}
	}
	t.Logf("%d of %d compared, %d with a match", compared, n, withMatch)
	if n > 100 && (compared < n*3/4 || withMatch < n/3) {
		t.Errorf("only %d of %d cases were compared, %d with a match", compared, n, withMatch)
	}
}

var (
	ranked  = regexp.MustCompile(`SELECT (FIRST|LAST|MAXIMAL)|LIMIT`)
	thinned = regexp.MustCompile(`SKIP (PAST|TO)|TIMEOUTS`)
)

func judgeSelection(c *Case, seed uint64) (difference string, rows int, ok bool) {
	want, err := Reference{reference.Options{Steps: 30_000}}.Run(c)
	if _, refused := diag.As(err); refused || errors.Is(err, reference.ErrBudget) {
		return "", 0, false
	}
	d := append([]Direct{{}}, variants...)[seed%uint64(len(variants)+1)]
	if d.Restore > 0 {
		d.Restore = 1 + int(seed/7%5)
	}
	got, gotErr := d.Run(c)
	var limit *pattern.LimitError
	switch {
	case errors.As(gotErr, &limit):
		return "", 0, false
	case err != nil && gotErr != nil:
		return "", 0, true
	case err != nil || gotErr != nil:
		return fmt.Sprintf("%+v: error %v, expected error %v", d, gotErr, err), 0, true
	}
	if !ranked.MatchString(c.Query) || thinned.MatchString(c.Query) {
		sortRows(want)
		sortRows(got)
	}
	if difference = Compare(c, want, got); difference != "" {
		difference = fmt.Sprintf("%+v: %s", d, difference)
	}
	return difference, len(want.Rows), true
}

func sortRows(r *Result) {
	slices.SortFunc(r.Rows, func(a, b []any) int {
		x, y := fmt.Sprint(a), fmt.Sprint(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}
