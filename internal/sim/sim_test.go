package sim

import "testing"

func TestQuick(t *testing.T) {
	var c Compiler
	var fired [KindCount]int
	bad := 0
	for seed := range uint64(2000) {
		sc := New(seed)
		r := Run(sc, &c, true)
		for k, n := range r.Fired { fired[k] += n }
		if r.Err != nil {
			bad++
			if bad < 15 {
			t.Errorf("seed %d %s: %v\n%v", seed, sc.Workload, r.Err, sc.Faults)
			}
		}
	}
	for k, n := range fired { t.Log(Kind(k), n) }
	t.Log("bad", bad)
}
