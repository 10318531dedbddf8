package draw_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/draw"
)

// TestRandomGraphs draws graphs of every kind: the picture is well-formed, the
// same each time, has every node, and no two circles over each other.
func TestRandomGraphs(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		g := randomGraph(r)
		svg := draw.SVG([]draw.Graph{g})
		if svg != draw.SVG([]draw.Graph{g}) {
			t.Fatalf("seed %d: two pictures of one graph differ", seed)
		}
		circles, err := circles(svg)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, svg)
		}
		if len(circles) != len(g.Nodes) {
			t.Fatalf("seed %d: %d circles of %d nodes", seed, len(circles), len(g.Nodes))
		}
		for i, a := range circles {
			for _, b := range circles[:i] {
				if dx, dy := a[0]-b[0], a[1]-b[1]; dx*dx+dy*dy < 36*36 {
					t.Fatalf("seed %d: nodes at %v and %v overlap", seed, a, b)
				}
			}
		}
	}
}

func randomGraph(r *rand.Rand) draw.Graph {
	g := draw.Graph{Title: `a <"&\> title`, Legend: []draw.Entry{{Name: "A", Text: "x < 1 & y"}}}
	for i := range 1 + r.IntN(12) {
		g.Nodes = append(g.Nodes, draw.Node{Label: []string{fmt.Sprint(i)}})
	}
	for range r.IntN(20) {
		e := draw.Edge{From: r.IntN(len(g.Nodes)), To: r.IntN(len(g.Nodes)), Dashed: r.IntN(4) == 0}
		for range r.IntN(3) {
			e.Label = append(e.Label, `"<b>`)
		}
		g.Edges = append(g.Edges, e)
	}
	return g
}

// circles are the centres of the nodes of a picture.
func circles(svg string) (list [][2]float64, err error) {
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "circle" {
			continue
		}
		var c [2]float64
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "cx":
				_, err = fmt.Sscan(a.Value, &c[0])
			case "cy":
				_, err = fmt.Sscan(a.Value, &c[1])
			}
			if err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
}

func TestNothingToDraw(t *testing.T) {
	if svg := draw.SVG(nil); !strings.HasSuffix(svg, "</svg>\n") {
		t.Error(svg)
	}
	if dot := draw.DOT(`x"y`, nil); !strings.HasPrefix(dot, `digraph "x\"y" {`) {
		t.Error(dot)
	}
}
