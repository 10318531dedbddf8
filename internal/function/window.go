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
