package benchmarks

// HandQ1 counts the large foreign transactions.
func HandQ1(e *Transactions) (matches int) {
	for i, amount := range e.Amount {
		if amount > 1000 && e.Country[i] != 0 {
			matches++
		}
	}
	return matches
}

// HandQ2 counts a small transaction with a large one as the card's very next,
// within ten minutes.
func HandQ2(e *Transactions) (matches int) {
	small := make([]int64, cards) // time of the card's last event if it was small, else 0
	for i, amount := range e.Amount {
		card := e.Card[i]
		switch {
		case amount < 10:
			small[card] = e.Time[i]
		case small[card] != 0:
			if amount > 1000 && e.Time[i]-small[card] < 600_000 {
				matches++
			}
			small[card] = 0
		}
	}
	return matches
}

// HandQ4 counts runs of three or more small transactions of a card with one
// directly after that is over five times their average.
func HandQ4(e *Transactions) (matches int) {
	runs := make([][]float64, cards)
	for i, amount := range e.Amount {
		run := &runs[e.Card[i]]
		if amount < 10 {
			*run = append(*run, amount)
		} else if len(*run) > 0 {
			matches += resolve(*run, amount, true)
			*run = (*run)[:0]
		}
	}
	for _, run := range runs {
		matches += resolve(run, 0, false)
	}
	return matches
}

// resolve counts the matches in a run of small amounts that next follows: from
// each start the longest part of the run first, as the loop is greedy.
func resolve(run []float64, next float64, hasNext bool) (matches int) {
	for start := 0; len(run)-start >= 3; {
		length := longest(run[start:], next, hasNext)
		if length == 0 {
			start++
			continue
		}
		matches++
		start += length
	}
	return matches
}

// longest is the number of events of the preferred match at the run's start;
// 0 when there is none.
func longest(run []float64, next float64, hasNext bool) int {
	sum := 0.0
	for _, a := range run {
		sum += a
	}
	for n := len(run); n >= 3; n-- {
		if n == len(run) {
			if hasNext && next > 5*sum/float64(n) {
				return n + 1
			}
		} else if run[n] > 5*sum/float64(n) {
			return n + 1
		}
		sum -= run[n-1]
	}
	return 0
}
