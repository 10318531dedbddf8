package benchmarks

// sums is an aggregate of Q6 and Q7.
type sums struct {
	n       int64
	total   float64
	largest float64
}

func (s *sums) add(amount float64) {
	s.n++
	s.total += amount
	s.largest = max(s.largest, amount)
}

const minute = 60_000 // ms

// HandQ6 counts the cards that each minute has, with their aggregates computed.
func HandQ6(e *Transactions) (matches int) {
	open := make([]sums, cards)
	var seen []int64 // cards of the minute
	current := int64(-1)
	flush := func() {
		matches += len(seen)
		for _, card := range seen {
			open[card] = sums{}
		}
		seen = seen[:0]
	}
	for i, amount := range e.Amount {
		if m := e.Time[i] / minute; m != current {
			flush()
			current = m
		}
		s := &open[e.Card[i]]
		if s.n == 0 {
			seen = append(seen, e.Card[i])
		}
		s.add(amount)
	}
	flush()
	return matches
}

// panes is the number of minutes in a window of Q7.
const panes = 10

// HandQ7 counts the windows of ten minutes, one a minute, in which a country
// turns over more than 9.7 million: each minute is summed once.
func HandQ7(e *Transactions) (matches int) {
	var ring [panes][countries]sums
	var current int64
	for i, amount := range e.Amount {
		m := e.Time[i] / minute
		for ; current != 0 && current < m; current++ {
			matches += above(&ring)
			ring[(current+1)%panes] = [countries]sums{}
		}
		current = m
		ring[m%panes][e.Country[i]].add(amount)
	}
	for range panes {
		matches += above(&ring)
		current++
		ring[current%panes] = [countries]sums{}
	}
	return matches
}

func above(ring *[panes][countries]sums) (n int) {
	for c := range countries {
		total := 0.0
		for p := range ring {
			total += ring[p][c].total
		}
		if total > 9_700_000 {
			n++
		}
	}
	return n
}
