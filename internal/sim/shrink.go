package sim

import "slices"

// maxShrinkRuns bounds the search for a smaller scenario.
const maxShrinkRuns = 400

// shrinker makes a failing scenario smaller for as long as it still fails.
type shrinker struct {
	compiler *Compiler
	best     *Scenario
	runs     int
}

// Shrink looks for a smaller scenario that fails too: fewer faults, partitions
// and records, fewer at a time as that goes on.
func Shrink(sc *Scenario, c *Compiler) *Scenario {
	s := &shrinker{compiler: c, best: sc}
	for smaller := true; smaller; {
		smaller = s.faults() || s.partitions() || s.records()
	}
	return s.best
}

// try keeps a scenario that fails.
func (s *shrinker) try(sc *Scenario) bool {
	if s.runs++; s.runs > maxShrinkRuns || Run(sc, s.compiler, false).Err == nil {
		return false
	}
	s.best = sc
	return true
}

func (s *shrinker) faults() (smaller bool) {
	for i := len(s.best.Faults) - 1; i >= 0; i-- {
		sc := s.best.clone()
		sc.Faults = slices.Delete(sc.Faults, i, i+1)
		smaller = s.try(sc) || smaller
	}
	return smaller
}

// partitions empties one after the other.
func (s *shrinker) partitions() (smaller bool) {
	for t := range s.best.Topics {
		for p := range s.best.Topics[t].Partitions {
			smaller = s.cut(t, p, 0, len(s.best.Topics[t].Partitions[p])) || smaller
		}
	}
	return smaller
}

func (s *shrinker) records() (smaller bool) {
	for t := range s.best.Topics {
		for p := range s.best.Topics[t].Partitions {
			for size := len(s.best.Topics[t].Partitions[p]) / 2; size > 0; size /= 2 {
				for from := 0; from < len(s.best.Topics[t].Partitions[p]); {
					if s.cut(t, p, from, size) {
						smaller = true
						continue
					}
					from += size
				}
			}
		}
	}
	return smaller
}

// cut takes records out of a partition; the offsets of the others stay.
func (s *shrinker) cut(topic, part, from, size int) bool {
	sc := s.best.clone()
	records := &sc.Topics[topic].Partitions[part]
	to := min(from+size, len(*records))
	if from == to {
		return false
	}
	*records = slices.Delete(*records, from, to)
	return s.try(sc)
}

func (sc *Scenario) clone() *Scenario {
	c := *sc
	c.Faults, c.Topics = slices.Clone(sc.Faults), slices.Clone(sc.Topics)
	for t := range c.Topics {
		c.Topics[t].Partitions = slices.Clone(c.Topics[t].Partitions)
		for p := range c.Topics[t].Partitions {
			c.Topics[t].Partitions[p] = slices.Clone(c.Topics[t].Partitions[p])
		}
	}
	return &c
}
