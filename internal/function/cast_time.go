package function

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// castTemporal converts to DATE, TIME, TIMESTAMP, TIMESTAMP_LTZ or an interval.
func castTemporal(from, to event.Type) CastFunc {
	if from.Kind == event.String {
		return castFromText(to)
	}
	switch families[to.Kind] {
	case fDay:
		return castToDay(from)
	case fYear:
		return castSame
	case fTime:
		return func(c *expr.Context, in event.Value, out *event.Value) error {
			us := in.I
			if from.Kind != event.TimeOfDay {
				us = floorMod(local(c, from, in), microsPerDay)
			}
			out.I = truncateFraction(us, to.Precision)
			return nil
		}
	}
	return func(c *expr.Context, in event.Value, out *event.Value) error {
		us := in.I
		if from.Kind != to.Kind {
			us = fromLocal(c, to, local(c, from, in))
		}
		out.I = us
		if to.Instant() {
			out.I = truncateFraction(us, to.Precision)
		}
		return nil
	}
}

func castSame(_ *expr.Context, in event.Value, out *event.Value) error {
	out.I = in.I
	return nil
}

// castToDay reads integers as milliseconds.
func castToDay(from event.Type) CastFunc {
	if from.Kind == event.IntervalDay {
		return castSame
	}
	return func(_ *expr.Context, in event.Value, out *event.Value) error {
		out.I = in.I * 1000
		if out.I/1000 != in.I {
			return overflow(event.TDay)
		}
		return nil
	}
}

var microsOfDigit = [...]int64{1000000, 100000, 10000, 1000, 100, 10, 1}

// truncateFraction drops the digits of µs beyond precision.
func truncateFraction(us int64, precision int) int64 {
	return us - floorMod(us, microsOfDigit[max(0, min(precision, 6))])
}

func castFromText(to event.Type) CastFunc {
	return func(c *expr.Context, in event.Value, out *event.Value) error {
		s, ok := trimSpace(in.S), false
		switch to.Kind {
		case event.Date:
			out.I, ok = parseDate(s)
		case event.TimeOfDay:
			out.I, ok = parseClock(s)
			out.I = truncateFraction(out.I, to.Precision)
		case event.Timestamp:
			out.I, ok = parseTimestamp(s)
			out.I = truncateFraction(out.I, to.Precision)
		case event.TimestampLTZ:
			out.I, ok = parseInstant(s, c.Zone)
			out.I = truncateFraction(out.I, to.Precision)
		case event.IntervalDay:
			out.I, ok = parseDaySecond(s)
		case event.IntervalYear:
			out.I, ok = parseYearMonth(s)
		}
		if !ok {
			return badText(in.S, to)
		}
		return nil
	}
}
