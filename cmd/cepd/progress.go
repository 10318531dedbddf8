package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
)

const progressEvery = 500 * time.Millisecond

// progress keeps one line on a terminal up to date.
type progress struct {
	out    io.Writer
	width  int
	look   func() []engine.Status
	last   int64
	lastAt time.Time
}

// show writes the line until the context ends, and wipes it then.
func (p *progress) show(ctx context.Context) {
	t := time.NewTicker(progressEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Fprint(p.out, "\r\x1b[K")
			return
		case now := <-t.C:
			fmt.Fprintf(p.out, "\r\x1b[K%s", p.line(p.look(), now))
		}
	}
}

func (p *progress) line(list []engine.Status, now time.Time) string {
	var sum api.Totals
	watermark, held := "", ""
	for i := range list {
		t := api.Sum(&list[i])
		sum.Events, sum.Detections = sum.Events+t.Events, sum.Detections+t.Detections
		if sum.Lag += t.Lag; t.Lag < 0 {
			sum.Lag = -1
		}
		if w := list[i].Watermark; w != "" && (watermark == "" || w < watermark) {
			watermark = w
		}
		if held == "" {
			held = list[i].Hint
		}
	}
	parts := []string{fmt.Sprintf("%d events/s", p.rate(sum.Events, now)), fmt.Sprintf("%d events", sum.Events), fmt.Sprintf("%d detections", sum.Detections), "lag " + known(sum.Lag)}
	if watermark != "" {
		parts = append(parts, "watermark "+watermark)
	}
	if held != "" {
		parts = append(parts, held)
	}
	return short(strings.Join(parts, " · "), p.width-1)
}

// short cuts a text to n characters.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

func (p *progress) rate(events int64, now time.Time) int64 {
	took := now.Sub(p.lastAt).Seconds()
	n := events - p.last
	first := p.lastAt.IsZero()
	p.last, p.lastAt = events, now
	if first || took <= 0 {
		return 0
	}
	return int64(float64(n) / took)
}
