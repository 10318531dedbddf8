package benchmarks

import (
	"math"
	"strings"

	"github.com/cepd/cepd/benchmarks/queries"
	"github.com/cepd/cepd/benchmarks/workload"
)

// The hand-written loops do a query's work and nothing else: one pass, no
// output. Those here keep their state in arrays indexed by card: they are the
// floor, not a rival. Those of hand_keyed.go look it up.

// Hand is the hand-written loop of a workload over its first n events.
func Hand(d *Data, w *queries.Workload, n int) func() int {
	if w.Stream == queries.Stock {
		trades, length, window := d.Trades(n), 3, 100
		switch w.Name {
		case "Q8-wide":
			window = 500
		case "Q8-long":
			length = 6
		}
		return func() int { return HandQ8(trades, length, window, 995) }
	}
	t := d.Transactions(n)
	if strings.HasPrefix(w.Name, "Q9") {
		return func() int { return HandQ9(t, len(w.Params)) }
	}
	loop := map[string]func(*Transactions) int{"Q1": HandQ1, "Q2": HandQ2, "Q3": HandQ3, "Q4": HandQ4, "Q5": HandQ5, "Q6": HandQ6, "Q7": HandQ7}[w.Name]
	return func() int { return loop(t) }
}

// HandQ1 counts the large foreign transactions.
func HandQ1(e *Transactions) (matches int) {
	for i, amount := range e.Amount {
		if amount > 1000 && e.Country[i] != countryUS {
			matches++
		}
	}
	return matches
}

// HandQ2 counts a small transaction with a large one as the card's very next,
// within ten minutes.
func HandQ2(e *Transactions) (matches int) {
	small := make([]int64, cards)
	for i, amount := range e.Amount {
		if pair(&small[e.Card[i]], e.Time[i], amount) {
			matches++
		}
	}
	return matches
}

// pair takes an event of a card; small is the time of the card's last one if it
// was small, else 0.
func pair(small *int64, now int64, amount float64) (match bool) {
	if amount < 10 {
		*small = now
		return false
	}
	match = *small != 0 && amount > 1000 && now-*small < 600_000
	*small = 0
	return match
}

// begun is a small transaction of Q3 and how far its match has come.
type begun struct {
	time    int64
	end     int64 // of its match, 0: not complete
	country uint8
	large   bool
}

// HandQ3 counts small, later large, later withdrawn elsewhere, within an hour.
// As SQL has it, of overlapping matches the one that begins first counts, so
// that a complete match waits for those that began before it; what began within
// it is over.
func HandQ3(e *Transactions) (matches int) {
	open := make([][]begun, cards)
	for i, amount := range e.Amount {
		matches += follow(&open[e.Card[i]], e.Time[i], amount, e.Country[i], e.Kind[i])
	}
	return matches + finish(open)
}

// follow takes an event of a card with its open matches.
func follow(open *[]begun, now int64, amount float64, country, kind uint8) (matches int) {
	if len(*open) == 0 && amount >= 10 {
		return 0
	}
	list, before := settle(*open, now)
	proceed(list, now, amount, country, kind)
	if amount < 10 {
		list = append(list, begun{time: now, country: country})
	}
	list, after := settle(list, now)
	*open = list
	return before + after
}

// finish settles the open matches of all cards at the end of the input.
func finish(open [][]begun) (matches int) {
	for _, list := range open {
		_, n := settle(list, math.MaxInt64)
		matches += n
	}
	return matches
}

// proceed advances the open matches of a card by an event.
func proceed(list []begun, now int64, amount float64, country, kind uint8) {
	for k := range list {
		b := &list[k]
		switch {
		case b.end != 0:
		case !b.large:
			b.large = amount > 1000
		case kind == kindWithdraw && country != b.country:
			b.end = now
		}
	}
}

// settle drops what began too long ago and counts the matches that nothing
// earlier can overlap any more.
func settle(list []begun, now int64) (rest []begun, matches int) {
	for len(list) > 0 {
		first := list[0]
		if first.end == 0 {
			if now-first.time < 3_600_000 {
				break
			}
			list = list[1:]
			continue
		}
		matches++
		for len(list) > 0 && list[0].time <= first.end {
			list = list[1:]
		}
	}
	return list, matches
}

// HandQ4 counts runs of three or more small transactions of a card with one
// directly after that is over five times their average.
func HandQ4(e *Transactions) (matches int) {
	runs := make([][]float64, cards)
	for i, amount := range e.Amount {
		matches += lengthen(&runs[e.Card[i]], amount)
	}
	return matches + unfinished(runs)
}

// lengthen takes an event of a card with its run of small amounts.
func lengthen(run *[]float64, amount float64) (matches int) {
	if amount < 10 {
		*run = append(*run, amount)
	} else if len(*run) > 0 {
		matches = resolve(*run, amount, true)
		*run = (*run)[:0]
	}
	return matches
}

// unfinished resolves the runs of all cards at the end of the input.
func unfinished(runs [][]float64) (matches int) {
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

// waiting is a large authorisation of Q5 until its five seconds are over.
type waiting struct{ time, card int64 }

// HandQ5 counts the large authorisations that no transfer of the card follows
// within five seconds. All wait equally long, so that a queue is enough.
func HandQ5(e *Transactions) (matches int) {
	transferred := make([]int64, cards) // time of the card's last transfer
	var queue []waiting
	due := func(w waiting) bool { return transferred[w.card] <= w.time }
	for i, kind := range e.Kind {
		now := e.Time[i]
		for len(queue) > 0 && now-queue[0].time >= 5000 {
			if due(queue[0]) {
				matches++
			}
			queue = queue[1:]
		}
		switch {
		case kind == kindTransfer:
			transferred[e.Card[i]] = now
		case kind == kindAuth && e.Amount[i] > 1000:
			queue = append(queue, waiting{now, e.Card[i]})
		}
	}
	for _, w := range queue {
		if due(w) {
			matches++
		}
	}
	return matches
}

// HandQ8 counts the combinations of length trades, cyclically of each symbol,
// within less than window ms, the last with a volume above least. For each
// start in the window it keeps how many prefixes of each length there are, and
// so enumerates nothing.
func HandQ8(e *Trades, length, window int, least int32) (matches int) {
	counts := make([]int, window*length) // of the start at i % window, prefixes by length
	for i, symbol := range e.Symbol {
		own := counts[i%window*length:][:length]
		clear(own)
		for step := length - 1; step > 0; step-- {
			if int(symbol) != step%len(workload.Symbols) {
				continue
			}
			last := step == length-1
			if last && e.Volume[i] <= least {
				continue
			}
			matches += extend(counts, length, step, last)
		}
		if symbol == 0 {
			own[0] = 1
		}
	}
	return matches
}

// extend adds the prefixes that an event makes one step longer; completed ones
// are only counted.
func extend(counts []int, length, step int, last bool) (completed int) {
	for at := step; at < len(counts); at += length {
		if last {
			completed += counts[at-1]
			continue
		}
		counts[at] += counts[at-1]
	}
	return completed
}

// HandQ9 counts the matches of n copies of Q2 with thresholds of their own: the
// copies' work is done only where the least strict would match.
func HandQ9(e *Transactions, n int) (matches int) {
	rules, before := newRules(n), make([]last, cards)
	for i, amount := range e.Amount {
		matches += rules.count(&before[e.Card[i]], e.Time[i], amount)
	}
	return matches
}

// last is a card's last event; its amount is 0 before the first.
type last struct {
	time   int64
	amount float64
}

// rules are the thresholds of the copies of Q2.
type rules struct{ small, large []float64 }

func newRules(n int) (r rules) {
	for q := range n {
		r.small, r.large = append(r.small, queries.Small(q)), append(r.large, queries.Large(q, n))
	}
	return r
}

// count takes an event of a card.
func (r *rules) count(b *last, now int64, amount float64) (matches int) {
	if amount > 1000 && b.amount > 0 && b.amount < 14 && now-b.time < 600_000 {
		for q := range r.small {
			if b.amount < r.small[q] && amount > r.large[q] {
				matches++
			}
		}
	}
	*b = last{now, amount}
	return matches
}
