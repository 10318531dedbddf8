package main

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// look is how a system is shown, the same in every plot. The colours are those
// of Okabe and Ito, told apart without colour vision too; so are the shapes.
type look struct {
	colour color.Color
	shape  draw.GlyphDrawer
}

var looks = map[string]look{
	"cepd":          {color.RGBA{R: 0xd5, G: 0x5e, A: 0xff}, draw.CircleGlyph{}},
	"hand":          {color.RGBA{A: 0xff}, draw.CrossGlyph{}},
	"hand-keyed":    {color.Gray{0x70}, draw.RingGlyph{}},
	"esper":         {color.RGBA{G: 0x72, B: 0xb2, A: 0xff}, draw.SquareGlyph{}},
	"flink-cep":     {color.RGBA{G: 0x9e, B: 0x73, A: 0xff}, draw.TriangleGlyph{}},
	"flink-sql":     {color.RGBA{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff}, draw.PyramidGlyph{}},
	"siddhi":        {color.RGBA{R: 0xe6, G: 0x9f, A: 0xff}, draw.BoxGlyph{}},
	"kafka-streams": {color.RGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}, draw.PlusGlyph{}},
}

// names are the systems in the order of legends, with what they are called.
var names = []struct{ system, name string }{
	{"cepd", "cepd"}, {"hand", "loop, arrays"}, {"hand-keyed", "loop, hash table"}, {"esper", "Esper"}, {"flink-cep", "Flink CEP / DataStream"}, {"flink-sql", "Flink SQL"},
	{"siddhi", "Siddhi"}, {"kafka-streams", "Kafka Streams (on Kafka)"},
}

const (
	width    = 24 * vg.Centimeter
	fontSize = font.Length(11)
)

// blank is an empty plot in the style of the page.
func blank(title, x string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, x
	p.Title.TextStyle.Font.Size = fontSize + 2
	p.Title.Padding = vg.Points(8)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Size, a.Tick.Label.Font.Size = fontSize, fontSize
		a.Label.Padding = vg.Points(6)
	}
	p.Legend.TextStyle.Font.Size = fontSize
	p.BackgroundColor = color.White
	return p
}

// decades are ticks of a logarithmic axis, labelled with plain numbers.
type decades struct {
	label func(float64) string
	most  float64 // beyond it the axis has no ticks; 0: no such end
}

// Ticks implements plot.Ticker.
func (d decades) Ticks(low, high float64) (ticks []plot.Tick) {
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		base := math.Pow(10, e)
		for m := 1.0; m < 10; m++ {
			t := plot.Tick{Value: m * base}
			if m == 1 {
				t.Label = d.label(t.Value)
			}
			if t.Value >= low*0.999 && t.Value <= high*1.001 && (d.most == 0 || t.Value <= d.most*1.001) {
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}

// rate writes events per second: 10 k, 3 M.
func rate(x float64) string {
	switch {
	case x >= 999_999_999:
		return number(x/1e9) + " G"
	case x >= 999_999:
		return number(x/1e6) + " M"
	case x >= 999:
		return number(x/1e3) + " k"
	}
	return number(x)
}

// number writes a number to three digits, and large ones in full.
func number(x float64) string {
	if x >= 1000 {
		return strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}
