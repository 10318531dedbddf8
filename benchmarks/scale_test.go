package benchmarks

import "testing"

// TestScale runs a line of each kind over few events.
func TestScale(t *testing.T) {
	s := Scale{Share: 0.005, Runs: 1}
	wanted := map[string]bool{"keys/10000": true, "window/100": true, "rules/10": true, "skew/zipf-1.1": true, "cores/1": true}
	for _, l := range s.Lines() {
		if !wanted[l.Workload] {
			continue
		}
		r, err := l.Measure()
		if err != nil {
			t.Fatalf("%s of %s: %v", l.Workload, l.System, err)
		}
		if r.Events < 1000 {
			t.Errorf("%s of %s: %d events", l.Workload, l.System, r.Events)
		}
	}
}
