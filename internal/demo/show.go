package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Screen writes for a person.
type Screen struct {
	Out    io.Writer
	Colour bool
}

const (
	red    = "31;1"
	green  = "32"
	yellow = "33"
	dim    = "2"
	bold   = "1"
)

func (s *Screen) paint(code, text string) string {
	if !s.Colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Detection shows a detection and the payments that made it.
func (s *Screen) Detection(v Verdict, d Detection, events []Payment, delay time.Duration) {
	title := s.paint(red, "FRAUD")
	switch v {
	case FalseAlarm:
		title = s.paint(yellow, "FALSE ALARM")
	case Repeated:
		title = s.paint(dim, "REPEATED")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  card %d: %d small payments, then %s in %s", title, d.Card, d.Probes, s.paint(bold, d.Amount.String()), d.Country)
	if delay > 0 {
		b.WriteString(s.paint(dim, fmt.Sprintf("  (%d ms after the last payment)", delay.Milliseconds())))
	}
	b.WriteByte('\n')
	for i := range events {
		s.payment(&b, &events[i], i == len(events)-1)
	}
	_, _ = io.WriteString(s.Out, b.String())
}

func (s *Screen) payment(b *strings.Builder, p *Payment, last bool) {
	code, mark := dim, "S"
	if last {
		code, mark = red, "B"
	}
	line := fmt.Sprintf("       %s  %s  %9s  %-2s  %s", mark, p.Time.Format("15:04:05.000"), appendCents(nil, p.Cents), p.Country, p.Merchant)
	b.WriteString(s.paint(code, line))
	b.WriteByte('\n')
}

// Summary is the last word.
func (s *Screen) Summary(t Tally, payments int64, took time.Duration) {
	missed, alarms := s.paint(green, strconv.Itoa(t.Missed)), s.paint(green, strconv.Itoa(t.FalseAlarms))
	if t.Missed > 0 {
		missed = s.paint(red, strconv.Itoa(t.Missed))
	}
	if t.FalseAlarms > 0 {
		alarms = s.paint(red, strconv.Itoa(t.FalseAlarms))
	}
	fmt.Fprintf(s.Out, "\nfrauds: %d planted, %s found, %s missed, %s false alarms\n", t.Planted, s.paint(green, strconv.Itoa(t.Found)), missed, alarms)
	fmt.Fprintf(s.Out, "events: %s payments in %.1f s, %s events/s\n", thousands(payments), took.Seconds(), thousands(int64(float64(payments)/took.Seconds())))
	if t.Found > 0 {
		fmt.Fprintf(s.Out, "delay from the last payment to its detection on the alerts topic: median %d ms, 99 %% within %d ms\n", t.Median.Milliseconds(), t.P99.Milliseconds())
	}
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
