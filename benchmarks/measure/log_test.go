package measure

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// TestLog: a line that fails leaves the others alone and says why; what others
// measured stays when only some lines are measured again.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	good := func(n int) func() (Result, error) {
		return func() (Result, error) { return Result{Events: n, CPUSeconds: 1}, nil }
	}
	bad := func() (Result, error) { return Result{}, errors.New("no Java\nand more") }
	measure := func(others bool, lines ...Line) error {
		l, err := NewLog(path, others)
		if err != nil {
			t.Fatal(err)
		}
		return l.Measure(t.Context(), lines)
	}
	if err := measure(false, Line{"Q1", "a", good(1)}, Line{"Q1", "b", bad}, Line{"Q2", "a", good(2)}); err == nil {
		t.Error("a line that fails is an error")
	}
	if err := measure(true, Line{"Q2", "a", good(3)}); err != nil {
		t.Error(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Events != 1 || got[1].Failed != "no Java" || got[2].Events != 3 {
		t.Errorf("%+v", got)
	}
}

// TestLogInterrupted: a line that is cut off is no failure, and none begins
// after it.
func TestLogInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l, _ := NewLog("", false)
	cut := func() (Result, error) { cancel(); return Result{}, errors.New("killed") }
	err := l.Measure(ctx, []Line{
		{"Q1", "a", cut},
		{"Q2", "a", func() (Result, error) { t.Error("begun"); return Result{}, nil }},
	})
	if !errors.Is(err, context.Canceled) || len(l.Results()) != 0 {
		t.Errorf("%v, %v", err, l.Results())
	}
}
