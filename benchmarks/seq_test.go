package benchmarks

import "testing"

// TestSequences runs two of the patterns over trades, again and again over the
// same batches: one that finds nothing, one that does.
func TestSequences(t *testing.T) {
	const dir = "../" + StockDir
	s, err := NewStock(dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Sequences(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 34 {
		t.Errorf("%d patterns", len(list))
	}
	for _, q := range list {
		if q.Name != "SEQ3-1s" && q.Name != "seq3-1s" {
			continue
		}
		r, err := s.Run(q)
		if err != nil {
			t.Fatal(err)
		}
		if passes := r.Events / len(s.trades); passes < 1 || r.Matches != passes*q.Matches {
			t.Errorf("%s: %d matches in %d events", q.Name, r.Matches, r.Events)
		}
		if q.CORE == 0 {
			t.Errorf("%s has no reference", q.Name)
		}
	}
}
