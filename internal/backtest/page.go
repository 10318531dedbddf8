package backtest

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"percent": func(n int, parts []Part) float64 { return 100 * float64(n) / float64(most(parts)) },
	"share":   func(x float64) float64 { return 100 * x },
	"plot":    func(parts []Part, compared bool) template.HTML { return template.HTML(plot(parts, compared)) }, // #nosec G203 -- plot escapes names
}).Parse(strings.TrimSpace(pageText)))

// WriteReport writes a page for a browser: by itself, without a script. The names
// are what the versions are called on it.
func (r *Report) WriteReport(w io.Writer, after, before string) error {
	return page.Execute(w, map[string]any{"File": after, "Against": before, "Report": r})
}

// most is the longest bar, at least 1.
func most(parts []Part) int {
	n := 1
	for _, p := range parts {
		n = max(n, p.After, p.Before)
	}
	return n
}
