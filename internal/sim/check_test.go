package sim

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cepd/cepd/engine/enginetest"
)

// TestCompare: what is lost, doubled or new is told.
func TestCompare(t *testing.T) {
	row := func(text string) enginetest.Row { return enginetest.Row{Text: text} }
	want := map[enginetest.Row]int{row("a"): 1, row("b"): 2}
	for _, c := range []struct {
		exactly bool
		got     map[enginetest.Row]int
		faults  string
	}{
		{true, map[enginetest.Row]int{row("a"): 1, row("b"): 2}, ""},
		{true, map[enginetest.Row]int{row("a"): 1, row("b"): 1}, "b: lost: 1 instead of 2"},
		{true, map[enginetest.Row]int{row("a"): 2, row("b"): 2}, "a: doubled: 2 instead of 1"},
		{false, map[enginetest.Row]int{row("a"): 2, row("b"): 2}, ""},
		{false, map[enginetest.Row]int{row("b"): 2}, "a: lost: 0 instead of 1"},
		{false, map[enginetest.Row]int{row("a"): 1, row("b"): 2, row("c"): 1}, "c: is not there without faults"},
	} {
		r := &run{sc: &Scenario{Exactly: c.exactly}}
		got := strings.Join(r.compare("t", want, c.got), "\n")
		if c.faults == "" && got != "" || !strings.HasSuffix(got, c.faults) {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// TestShrink makes a scenario that fails smaller: which rows are late in a table
// of several partitions depends on which of them comes first.
func TestShrink(t *testing.T) {
	var c Compiler
	for seed := uint64(0); ; seed++ {
		sc := New(seed)
		if sc.Workload != "late rows" {
			continue
		}
		rng := rand.New(rand.NewPCG(seed, 2))
		sc.Topics[0] = sc.topic(rng, findWorkload(sc.Workload), "payments", 3)
		if Run(sc, &c, false).Err == nil {
			continue
		}
		small := Shrink(sc, &c)
		again := Run(small, &c, true)
		if again.Err == nil || small.Records() > 6 || len(small.Faults) > 0 {
			t.Errorf("%d records of %d, faults %v, error %v", small.Records(), sc.Records(), small.Faults, again.Err)
		}
		if again.Hash != Run(small, &c, true).Hash {
			t.Error("it does not replay")
		}
		return
	}
}

// TestTornData: what was synced stays, what was not is kept by sectors.
func TestTornData(t *testing.T) {
	synced := bytes.Repeat([]byte{1}, 700)
	full := append(bytes.Clone(synced), bytes.Repeat([]byte{2}, 3000)...)
	lengths := map[int]bool{}
	for seed := range uint64(50) {
		got := tornData(rand.New(rand.NewPCG(seed, 0)), synced, full, 50)
		if !bytes.Equal(got[:len(synced)], synced) {
			t.Fatalf("seed %d: what was synced is gone", seed)
		}
		for i := len(synced); i < len(got); i++ {
			if got[i] != 0 && got[i] != full[i] {
				t.Fatalf("seed %d: byte %d is %d", seed, i, got[i])
			}
		}
		lengths[len(got)] = true
	}
	if len(lengths) < 4 {
		t.Errorf("lengths %v", lengths)
	}
}
