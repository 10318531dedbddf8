package gallery

import (
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/cepd/cepd/internal/scenario"
)

// The measures of a funnel.
const (
	barRow   = 26.0
	barStart = side + 70 // right of the step's name
	barRoom  = 520.0     // of a bar of all
)

// reached is how many of a rule's detections got to each step of a funnel, or beyond;
// a value that the funnel does not name got to none.
func reached(n *scenario.Funnel, rows []json.RawMessage) []int {
	counts := make([]int, len(n.Steps))
	for _, row := range rows {
		var cells map[string]any
		if json.Unmarshal(row, &cells) != nil {
			continue
		}
		step, _ := cells[n.Column].(string)
		for i := 0; i <= slices.Index(n.Steps, step); i++ {
			counts[i]++
		}
	}
	return counts
}

// drawFunnel draws a bar for each step from y on, and says where they end.
func drawFunnel(b *strings.Builder, y float64, n *scenario.Funnel, rows []json.RawMessage) float64 {
	fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\"><tspan class=\"rule\">%s</tspan>  how far each of %s got</text>\n",
		side, y+16, html.EscapeString(n.Rule), thousands(len(rows)))
	fmt.Fprintf(b, "<text class=\"end faint\" x=\"%.0f\" y=\"%.0f\">of all</text><text class=\"end faint\" x=\"%.0f\" y=\"%.0f\">of the last</text>\n", barStart+barRoom+130, y+16, width-side, y+16)
	y += laneTitle + 6
	counts := reached(n, rows)
	for i, count := range counts {
		of := ""
		if i > 0 {
			of = percent(count, counts[i-1])
		}
		bar := barRoom * float64(count) / float64(max(len(rows), 1))
		fmt.Fprintf(b, "<text x=\"%.0f\" y=\"%.0f\">%s</text>\n", side, y+14, html.EscapeString(clip(n.Steps[i], 10)))
		fmt.Fprintf(b, "<rect class=\"room\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\"/><rect class=\"event\" x=\"%.0f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\"/>\n",
			barStart, y, barRoom, barRow-7, barStart, y, bar, barRow-7)
		fmt.Fprintf(b, "<text class=\"end\" x=\"%.0f\" y=\"%.0f\">%s</text><text class=\"end\" x=\"%.0f\" y=\"%.0f\">%s</text><text class=\"end\" x=\"%.0f\" y=\"%.0f\">%s</text>\n",
			barStart+barRoom+60, y+14, thousands(count), barStart+barRoom+130, y+14, percent(count, len(rows)), width-side, y+14, of)
		y += barRow
	}
	return y + laneEnd
}

func percent(part, all int) string {
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(max(all, 1)))
}
