package main

import (
	"cmp"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// workloads are those of the results, in order.
func workloads(list []result) (names []string) {
	for i := range list {
		if !slices.Contains(names, list[i].Workload) {
			names = append(names, list[i].Workload)
		}
	}
	slices.Sort(names)
	return names
}

// dots is a plot of a row per label with points on a logarithmic axis.
func dots(title, x string, labels []string) *plot.Plot {
	p := blank(title, x)
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = decades{label: rate}
	ticks := make([]plot.Tick, len(labels))
	for i, l := range labels {
		ticks[i] = plot.Tick{Value: float64(len(labels) - 1 - i), Label: l}
	}
	p.Y.Tick.Marker, p.Y.Tick.Length = plot.ConstantTicks(ticks), 0
	p.Y.Min, p.Y.Max = -0.6, float64(len(labels))-0.4
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe4}, color.Gray{0xe4}
	p.Add(grid)
	p.Legend.Left, p.Legend.Top = false, true
	p.Legend.Padding = vg.Points(2)
	return p
}

// fit makes room for all points, up to whole decades.
func fit(p *plot.Plot, points ...float64) {
	low, high := slices.Min(points), slices.Max(points)
	p.X.Min, p.X.Max = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)+0.05))
}

func scatter(xy plotter.XYs, l look) (*plotter.Scatter, error) {
	s, err := plotter.NewScatter(xy)
	if err == nil {
		s.GlyphStyle = draw.GlyphStyle{Color: l.colour, Radius: vg.Points(5), Shape: l.shape}
	}
	return s, err
}

// peersPlot shows every system's rate of each workload.
func peersPlot(list []result, path string) error {
	if len(list) == 0 {
		return nil
	}
	labels := workloads(list)
	p := dots("Events per second of CPU, in memory (more is better; logarithmic)", "events per CPU-second", labels)
	var all []float64
	for _, n := range names {
		var xy plotter.XYs
		for i := range list {
			if r := &list[i]; r.System == n.system && r.Failed == "" {
				row := float64(len(labels) - 1 - slices.Index(labels, r.Workload))
				xy, all = append(xy, plotter.XY{X: r.perCPUSecond(), Y: row}), append(all, r.perCPUSecond())
			}
		}
		if len(xy) == 0 {
			continue
		}
		s, err := scatter(xy, looks[n.system])
		if err != nil {
			return err
		}
		p.Add(s)
		p.Legend.Add(n.name, s)
	}
	if len(all) == 0 {
		return nil
	}
	fit(p, all...)
	p.X.Tick.Marker = decades{rate, p.X.Max}
	p.X.Max *= 60 // room for the legend
	return p.Save(width, vg.Length(4+len(labels))*vg.Centimeter, path)
}

// handPlot shows how far the operators are from the hand-written loops.
func handPlot(list []result, path string) error {
	labels := slices.DeleteFunc(workloads(list), func(w string) bool { return find(list, w, "cepd") == nil || find(list, w, "hand") == nil })
	if len(labels) == 0 {
		return nil
	}
	p := dots("CPU time of cepd's operators as a multiple of a hand-written loop's (logarithmic)", "times the loop", labels)
	p.X.Tick.Marker = decades{label: number}
	values := []float64{1}
	for _, loop := range []struct{ system, name string }{{"hand", "of the loop with arrays"}, {"hand-keyed", "of the loop with a hash table"}} {
		var xy plotter.XYs
		for i, w := range labels {
			if hand := find(list, w, loop.system); hand != nil {
				x := hand.perCPUSecond() / find(list, w, "cepd").perCPUSecond()
				xy, values = append(xy, plotter.XY{X: x, Y: float64(len(labels) - 1 - i)}), append(values, x)
			}
		}
		if len(xy) == 0 {
			continue
		}
		s, err := scatter(xy, looks[loop.system])
		if err != nil {
			return err
		}
		p.Add(s)
		p.Legend.Add(loop.name, s)
	}
	fit(p, values...)
	p.X.Max *= 10 // room for the legend
	return p.Save(width, vg.Length(3+len(labels))*vg.Centimeter*4/5, path)
}

func find(list []result, workload, system string) *result {
	for i := range list {
		if r := &list[i]; r.Workload == workload && r.System == system && r.Failed == "" {
			return r
		}
	}
	return nil
}

// kafkaPlot shows what reading a topic costs clients, and what the whole way
// costs cepd.
func kafkaPlot(list []result, path string) error {
	if len(list) == 0 {
		return nil
	}
	list = slices.DeleteFunc(slices.Clone(list), func(r result) bool { return r.Failed != "" })
	slices.SortFunc(list, func(a, b result) int { return cmp.Compare(b.perCPUSecond(), a.perCPUSecond()) })
	labels := make([]string, len(list))
	var own, others plotter.XYs
	var all []float64
	for i := range list {
		r := &list[i]
		labels[i] = kafkaLabel(r)
		at := plotter.XY{X: r.perCPUSecond(), Y: float64(len(list) - 1 - i)}
		if all = append(all, at.X); strings.HasPrefix(r.System, "cepd") {
			own = append(own, at)
		} else {
			others = append(others, at)
		}
	}
	p := dots("Kafka: events per second of the client's CPU (more is better; logarithmic)", "events per CPU-second", labels)
	for _, set := range []struct {
		xy plotter.XYs
		l  look
	}{{own, looks["cepd"]}, {others, looks["esper"]}} {
		if len(set.xy) == 0 {
			continue
		}
		s, err := scatter(set.xy, set.l)
		if err != nil {
			return err
		}
		p.Add(s)
	}
	if len(all) == 0 {
		return nil
	}
	fit(p, all...)
	return p.Save(width, vg.Length(3+len(list))*vg.Centimeter, path)
}

func kafkaLabel(r *result) string {
	if r.Workload == "fetch" {
		return r.System + ": fetch alone"
	}
	if how, ok := strings.CutPrefix(r.System, "cepd-"); ok {
		return r.Workload + ", cepd, " + strings.ReplaceAll(how, "-", " ")
	}
	return r.Workload + ", " + r.System
}

// latencyPlot shows the curves of latencies.
func latencyPlot(r *results, path string) error {
	curves := curves(r)
	if len(curves) == 0 {
		return nil
	}
	p := blank("Latency by percentile, from when the releasing event was due (less is better; both axes logarithmic)", "percentile")
	p.Y.Label.Text, p.Y.Scale, p.Y.Tick.Marker = "ms", plot.LogScale{}, decades{label: number}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(nines)
	p.X.Min, p.X.Max = 1, 10_000*500 // room for the legend
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe4}, color.Gray{0xe4}
	p.Add(grid)
	colours := map[string]color.Color{} // by query
	for _, c := range curves {
		line, err := plotter.NewLine(c.xy)
		if err != nil {
			return err
		}
		if colours[c.query] == nil {
			colours[c.query] = looks[names[len(colours)%len(names)].system].colour
		}
		line.Color, line.Width, line.Dashes = colours[c.query], vg.Points(1.6), c.dashes
		p.Add(line)
		p.Legend.Add(c.name, line)
		for _, at := range c.xy {
			p.Y.Max = max(p.Y.Max, at.Y)
		}
	}
	p.Y.Min, p.Y.Max = 0.1, math.Pow(10, math.Ceil(math.Log10(p.Y.Max)))
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(3)
	return p.Save(width, 16*vg.Centimeter, path)
}

// nines are the percentiles at 1/(1-q).
var nines = []plot.Tick{
	{Value: 1, Label: "0"}, {Value: 2, Label: "50"}, {Value: 10, Label: "90"}, {Value: 100, Label: "99"},
	{Value: 1000, Label: "99.9"}, {Value: 10_000, Label: "99.99"},
}

// line is a named curve.
type line struct {
	query, name string
	dashes      []vg.Length
	xy          plotter.XYs
}

// The dashes of what keeps state on disk, and of what goes through Kafka too.
var dashed, dotted = []vg.Length{vg.Points(5), vg.Points(3)}, []vg.Length{vg.Points(1.5), vg.Points(2.5)}

// curves are those of the runs with enough detections for their percentiles.
func curves(r *results) (list []line) {
	for _, p := range append(r.latency[:len(r.latency):len(r.latency)], r.kafkaLatency...) {
		if p.Latency != nil && p.Latency.Count >= enough {
			l := line{query: p.Query + p.Workload + p.Note, name: p.name(), xy: curveOf(p.Latency)}
			switch {
			case p.Workload != "":
				l.dashes = dotted
			case p.Durable:
				l.dashes = dashed
			}
			list = append(list, l)
		}
	}
	return list
}
