package main

import (
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// scalePlot shows the cost of an event, relative to that of the smallest, as
// keys, windows and rules grow.
func scalePlot(list []result, path string) error {
	if len(list) == 0 {
		return nil
	}
	p := blank("Cost of an event as one thing grows, relative to the smallest (1 is flat; both axes logarithmic)", "keys, events in the window, rules")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{label: rate}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{label: number}
	p.Y.Label.Text = "times"
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe4}, color.Gray{0xe4}
	p.Add(grid)
	for i, what := range []string{"keys", "window", "rules"} {
		xy := growth(list, what)
		if len(xy) == 0 {
			continue
		}
		line, points, err := plotter.NewLinePoints(xy)
		if err != nil {
			return err
		}
		l := looks[names[[]int{0, 3, 4}[i]].system]
		line.Color, line.Width = l.colour, vg.Points(1.6)
		points.Color, points.Shape, points.Radius = l.colour, l.shape, vg.Points(4)
		p.Add(line, points)
		p.Legend.Add(what, line, points)
	}
	p.X.Min, p.X.Max = 1, 1e7
	p.Y.Min, p.Y.Max = min(p.Y.Min, 0.5), max(p.Y.Max, 10)
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(3)
	return p.Save(width, 12*vg.Centimeter, path)
}

func growth(list []result, what string) (xy plotter.XYs) {
	for i := range list {
		kind, amount := split(list[i].Workload)
		x, err := strconv.ParseFloat(amount, 64)
		if kind != what || err != nil || list[i].Failed != "" {
			continue
		}
		xy = append(xy, plotter.XY{X: x, Y: 1 / list[i].perCPUSecond()})
	}
	if len(xy) == 0 {
		return nil
	}
	first := xy[0].Y
	for i := range xy {
		xy[i].Y /= first
	}
	return xy
}
