package function

import (
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// TumbleStart is the start of the tumbling window of a time: arguments are the
// time, the size and the offset. It has no name in SQL; the planner makes calls
// of it.
var TumbleStart = &expr.Func{
	Name: "WINDOW_START",
	Eval: func(_ *expr.Context, args []event.Value, out *event.Value) error {
		t, size, offset := args[0].I, args[1].I, args[2].I
		out.I = t - floorMod(t-offset, size)
		return nil
	},
}

// HopWindows and CumulateWindows are the windows that a time belongs to, the
// earliest first, each with start, end and time: arguments are the time, the
// size, the slide (or step) and the offset.
var (
	HopWindows = &expr.Func{
		Name: "HOP_WINDOWS",
		Eval: func(_ *expr.Context, args []event.Value, out *event.Value) error {
			out.L = nil
			t, size, slide, offset := args[0].I, args[1].I, args[2].I, args[3].I
			last := t - floorMod(t-offset, slide)
			for start := last - (size-1-(t-last))/slide*slide; start <= last; start += slide {
				out.L = append(out.L, windowRow(start, start+size))
			}
			return nil
		},
	}
	CumulateWindows = &expr.Func{
		Name: "CUMULATE_WINDOWS",
		Eval: func(_ *expr.Context, args []event.Value, out *event.Value) error {
			out.L = nil
			t, size, step, offset := args[0].I, args[1].I, args[2].I, args[3].I
			start := t - floorMod(t-offset, size)
			for end := start + ((t-start)/step+1)*step; end <= start+size; end += step {
				out.L = append(out.L, windowRow(start, end))
			}
			return nil
		},
	}
)

// windowRow is a window with its time, a millisecond before its end.
func windowRow(start, end int64) event.Value {
	return event.Value{L: []event.Value{event.IntValue(start), event.IntValue(end), event.IntValue(end - 1000)}}
}
