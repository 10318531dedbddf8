package demo

import (
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testConfig(seed uint64) Config {
	return Config{Seed: seed, Cards: 2000, Start: time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC), PerHour: 2000, PlantGap: 3 * time.Minute}
}

// TestPlantedIsWhatThePatternFinds checks the world against the pattern of
// examples/fraud written down once more, in plain Go.
func TestPlantedIsWhatThePatternFinds(t *testing.T) {
	for seed := range uint64(5) {
		w := NewWorld(testConfig(seed))
		var payments []Payment
		for range 100_000 {
			payments = append(payments, w.Next())
		}
		w.Calm()
		for end := w.Now().Add(time.Hour); w.Now().Before(end); {
			payments = append(payments, w.Next())
		}
		planted := w.TakePlanted()
		if len(planted) < 100 {
			t.Fatalf("seed %d: only %d frauds planted", seed, len(planted))
		}
		sort.Slice(planted, func(i, j int) bool { return plantLess(planted[i], planted[j]) })
		if d := cmp.Diff(planted, naiveFrauds(payments)); d != "" {
			t.Errorf("seed %d: planted and found differ (-planted +found):\n%s", seed, d)
		}
	}
}

func plantLess(a, b Plant) bool {
	return a.Last.Before(b.Last) || a.Last.Equal(b.Last) && a.Card < b.Card
}

// naiveFrauds tries every start row of every card: S{3,} B WITHIN 10 minutes,
// greedy, past the last row.
func naiveFrauds(payments []Payment) []Plant {
	byCard := map[int64][]Payment{}
	for _, p := range payments {
		byCard[p.Card] = append(byCard[p.Card], p)
	}
	var found []Plant
	for _, rows := range byCard {
		sort.SliceStable(rows, func(i, j int) bool { return rows[i].Time.Before(rows[j].Time) })
		for i := 0; i < len(rows); i++ {
			if n, ok := naiveMatch(rows[i:]); ok {
				last := rows[i+n]
				found = append(found, Plant{Card: last.Card, Probes: n, First: rows[i].Time, Last: last.Time})
				i += n
			}
		}
	}
	sort.Slice(found, func(i, j int) bool { return plantLess(found[i], found[j]) })
	return found
}

func naiveMatch(rows []Payment) (probes int, ok bool) {
	sum := int64(0)
	for probes < len(rows) && rows[probes].Cents <= probeMax {
		sum += rows[probes].Cents
		probes++
	}
	if probes < 3 || probes == len(rows) {
		return 0, false
	}
	b := rows[probes]
	return probes, b.Cents >= largeMin && b.Cents*int64(probes) > 5*sum && b.Time.Sub(rows[0].Time) < 10*time.Minute
}

func TestWorldIsDeterministic(t *testing.T) {
	a, b := NewWorld(testConfig(7)), NewWorld(testConfig(7))
	for i := range 10_000 {
		if x, y := a.Next(), b.Next(); x != y {
			t.Fatalf("payment %d differs: %v and %v", i, x, y)
		}
	}
}

func TestArrivalDelayIsBounded(t *testing.T) {
	w := NewWorld(testConfig(1))
	var latest time.Time
	disorder := 0
	for range 20_000 {
		p := w.Next()
		if p.Time.Before(latest.Add(-maxDelay)) {
			t.Fatalf("payment at %v arrives after one at %v", p.Time, latest)
		}
		if p.Time.Before(latest) {
			disorder++
		} else {
			latest = p.Time
		}
	}
	if disorder == 0 {
		t.Error("no payment arrives out of order")
	}
}
