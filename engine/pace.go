package engine

import (
	"math"
	"time"

	"github.com/cepd/cepd/internal/event"
)

// pacer says how many rows may leave for a sink: a bucket that holds what may
// leave in a second, and begins full.
type pacer struct {
	rate   int64 // rows per second; 0: any
	tokens float64
	at     event.Time
}

func newPacer(rate int64, now event.Time) *pacer {
	return &pacer{rate: rate, tokens: float64(rate), at: now}
}

// allowed is how many rows may leave now, if the next item has so many. A full
// bucket is enough for any item.
func (p *pacer) allowed(now event.Time, item int64) int64 {
	if p.rate == 0 {
		return math.MaxInt64
	}
	p.tokens = min(float64(p.rate), p.tokens+float64(now-p.at)*float64(p.rate)/1e6)
	p.at = now
	if p.tokens >= float64(p.rate) {
		return max(p.rate, item)
	}
	return int64(p.tokens)
}

// took says that rows have left.
func (p *pacer) took(rows int64) {
	if p.rate > 0 {
		p.tokens -= float64(rows)
	}
}

// wait is how long an item of so many rows has to wait.
func (p *pacer) wait(now event.Time, item int64) time.Duration {
	allowed := p.allowed(now, item)
	if allowed >= item {
		return 0
	}
	missing := min(float64(item), float64(p.rate)) - p.tokens
	return time.Duration(math.Ceil(missing*1e6/float64(p.rate))) * time.Microsecond
}
