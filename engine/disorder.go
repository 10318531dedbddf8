package engine

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/cepd/cepd/internal/event"
)

// disorder counts by how much rows came out of order: the newest time of their
// partition before them less their own. A watermark that follows the newest row
// at a delay of d keeps the rows of d and less.
//
// Bins are a power of two divided by binsPerOctave, so a quantile is too high by
// 1/binsPerOctave at most. In order: the rows that are in no bin.
type disorder struct {
	rows int64
	max  int64 // µs
	bins [64 * binsPerOctave]int64
}

const (
	binBits       = 4
	binsPerOctave = 1 << binBits
)

// bin is that of d µs, d > 0.
func bin(d int64) int {
	octave := bits.Len64(uint64(d)) - 1
	if octave < binBits {
		return int(d)
	}
	return (octave-binBits+1)<<binBits + int(uint64(d)>>(octave-binBits))&(binsPerOctave-1)
}

// binEnd is the largest d of a bin.
func binEnd(i int) int64 {
	if i < binsPerOctave {
		return int64(i)
	}
	shift := i>>binBits - 1
	return int64((uint64(i&(binsPerOctave-1))|binsPerOctave)<<shift + 1<<shift - 1)
}

func (d *disorder) add(micros int64) {
	d.bins[bin(micros)]++
	d.max = max(d.max, micros)
}

func (d *disorder) merge(o *disorder) {
	d.rows += o.rows
	d.max = max(d.max, o.max)
	for i, n := range o.bins {
		d.bins[i] += n
	}
}

// within counts the rows of at most micros, bins taken as a whole.
func (d *disorder) within(micros int64) int64 {
	n := d.rows
	if micros >= d.max {
		return n
	}
	for i := bin(max(micros, 0) + 1); i < len(d.bins); i++ {
		n -= d.bins[i]
	}
	return n
}

// quantile is the delay, in µs, that keeps the share q of the rows.
func (d *disorder) quantile(q float64) int64 {
	late := d.rows - int64(math.Ceil(q*float64(d.rows)-1e-6)) // that it need not keep
	for i := len(d.bins) - 1; i > 0; i-- {
		if late -= d.bins[i]; late < 0 {
			return min(binEnd(i), d.max)
		}
	}
	return 0
}

// observe takes the times of a batch: the newest, and how far behind it the
// others are.
func (u *unit) observe(b *event.Batch) {
	if b.Schema.Rowtime < 0 {
		return
	}
	newest, times := u.newest, &b.Cols[b.Schema.Rowtime]
	if times.Nulls == nil && b.Sel == nil {
		for _, t := range b.Time[:b.N] {
			if t >= newest {
				newest = t
			} else {
				u.disorder.add(newest - t)
			}
		}
		u.disorder.rows += int64(b.N)
		u.newest = newest
		return
	}
	for _, row := range b.LiveRows() {
		if times.Null(int(row)) {
			continue
		}
		u.disorder.rows++
		if t := b.Time[row]; t >= newest {
			newest = t
		} else {
			u.disorder.add(newest - t)
		}
	}
	u.newest = newest
}

// SourceStatus is what is known of the times of a table's rows, since the
// process started.
type SourceStatus struct {
	Table     string          `json:"table"`
	Newest    string          `json:"newest,omitempty"`    // event time
	Late      int64           `json:"late"`                // rows dropped
	Delay     string          `json:"delay,omitempty"`     // of the watermark behind the newest row, where it is an interval
	Disorder  *DisorderStatus `json:"disorder,omitempty"`  // nil: no rows with a time
	Advice    string          `json:"advice,omitempty"`    // what delay would have kept which rows
	Alignment string          `json:"alignment,omitempty"` // the group that it is aligned with
	Warnings  *WarningStatus  `json:"warnings,omitempty"`  // of the connector; nil: none

	Difference *DifferenceStatus `json:"difference,omitempty"` // between the records and the columns; nil: none is known
}

// DisorderStatus says how far behind the newest row of their partition rows came,
// in seconds: half of them at most P50, and so on.
type DisorderStatus struct {
	Rows int64   `json:"rows"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// advised is the share of rows that the advised delay keeps.
const advised = 0.999

func seconds(micros int64) float64 { return float64(micros) / 1e6 }

func (s *source) times() (all disorder, newest event.Time, late int64) {
	newest = event.MinTime
	for _, u := range s.units {
		all.merge(&u.disorder)
		newest = max(newest, u.newest)
		late += u.stats.late
	}
	return all, newest, late
}

func (s *source) status() SourceStatus {
	d, newest, late := s.times()
	st := SourceStatus{Table: s.name, Newest: showTime(newest), Late: late, Warnings: s.warned.status(), Difference: s.difference()}
	if s.alignment != nil {
		st.Alignment = s.alignment.group
	}
	if d.rows == 0 {
		return st
	}
	st.Disorder = &DisorderStatus{Rows: d.rows, P50: seconds(d.quantile(0.5)), P90: seconds(d.quantile(0.9)), P99: seconds(d.quantile(0.99)),
		P999: seconds(d.quantile(advised)), Max: seconds(d.max)}
	if delay, ok := s.delay(); ok && s.staged() {
		st.Delay = showDelay(delay)
		st.Advice = d.advice(delay)
	}
	return st
}

// delay is how far the watermark stays behind the newest row; ok is false where
// another expression makes it.
func (s *source) delay() (micros int64, ok bool) {
	if len(s.units) == 0 || s.units[0].scan == nil {
		return 0, false
	}
	return s.units[0].scan.Delay()
}

// advice compares the watermark's delay with the least one that keeps enough
// rows. It is for a single partition: where several are read, the slowest holds
// the watermark back, and fewer rows are late.
func (d *disorder) advice(delay int64) string {
	need := roundUp(d.quantile(advised))
	kept := float64(d.within(need)) / float64(d.rows)
	return fmt.Sprintf("a delay of %s would have kept %s of rows; it is %s, which keeps %s",
		showDelay(need), percent(kept), showDelay(delay), percent(float64(d.within(delay))/float64(d.rows)))
}

// percent rounds down: 100 % is all.
func percent(share float64) string {
	return fmt.Sprintf("%g %%", float64(int64(share*1000+1e-9))/10)
}

// roundUp makes a delay one that a person would write.
func roundUp(micros int64) int64 {
	unit := int64(1000)
	for _, u := range []int64{10_000, 100_000, 1_000_000, 10_000_000, 60_000_000, 600_000_000} {
		if micros > 10*u {
			unit = u
		}
	}
	return (micros + unit - 1) / unit * unit
}

// showDelay writes a delay as a person would: 250 ms, 12 s, 5 min.
func showDelay(micros int64) string {
	for _, u := range []struct {
		micros int64
		name   string
	}{{60_000_000, "min"}, {1_000_000, "s"}, {1000, "ms"}} {
		if micros != 0 && micros%u.micros == 0 {
			return fmt.Sprintf("%d %s", micros/u.micros, u.name)
		}
	}
	if micros == 0 {
		return "0 s"
	}
	return time.Duration(micros * 1000).String()
}
