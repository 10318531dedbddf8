package gallery

import (
	"bytes"
	"fmt"
	"strings"
)

// The marks between which a page has the figures of its example.
const (
	figuresBegin = "<!-- figures: written by go test ./internal/gallery -rewrite -->\n"
	figuresEnd   = "<!-- end of figures -->\n"
)

// figures is the count of a play as a table.
func figures(r *Report) string {
	var b strings.Builder
	b.WriteString("| rule | planted | found | false alarms | precision | recall |\n|---|---|---|---|---|---|\n")
	for i := range r.Rules {
		t := &r.Rules[i]
		fmt.Fprintf(&b, "| `%s` | %d | %d | %d | %.3f | %.3f |\n", t.Name, t.Planted, t.Found, t.FalseAlarms+t.Repeated, t.PrecisionIs(), t.RecallIs())
	}
	fmt.Fprintf(&b, "\n%s events.", thousands(r.Events))
	for i := range r.Rules {
		if t := &r.Rules[i]; t.Why != "" {
			fmt.Fprintf(&b, " `%s` cannot be decided by the events alone: %s.", t.Name, strings.TrimSpace(t.Why))
		}
	}
	b.WriteString("\n")
	return b.String()
}

// withFigures is a page with the figures of a play between its marks.
func withFigures(page []byte, r *Report) ([]byte, error) {
	before, rest, ok := bytes.Cut(page, []byte(figuresBegin))
	_, after, ok2 := bytes.Cut(rest, []byte(figuresEnd))
	if !ok || !ok2 {
		return nil, fmt.Errorf("the page has no place for the figures: %s%s", figuresBegin, figuresEnd)
	}
	return bytes.Join([][]byte{before, []byte(figuresBegin), []byte(figures(r)), []byte(figuresEnd), after}, nil), nil
}

// overview is docs/gallery.md.
func overview(list []Example, reports []*Report) string {
	var b strings.Builder
	b.WriteString(`# The gallery

Each example is a folder: a page with the story, the statements, a scenario with events in which it is known what there is to be found, rule tests,
and what comes out. ` + "`cepd demo NAME`" + ` plays one, from the binary alone; with ` + "`--serve`" + ` it is live, on a
server with the web page. ` + "`make test`" + ` plays all of them, and compares the figures of this page.
Precision is the share of detections that found something planted, recall the share of what was planted that was found
([how it is counted](generator.md)). The events are made up: the figures say that a rule does what it says, not how good it is on yours;
for that there are [back-tests](backtest.md).

`)
	for i, e := range list {
		fmt.Fprintf(&b, "## %s\n\n%s. [Page](../examples/%s/README.md), [statements](../examples/%s/%s.sql), [scenario](../examples/%s/scenario.yaml), [tests](../examples/%s/%s_test.yaml).\n\n",
			e.Name, strings.ToUpper(e.Title[:1])+e.Title[1:], e.Name, e.Name, e.Name, e.Name, e.Name, e.Name)
		fmt.Fprintf(&b, "    %s\n\n![%s](../examples/%s/%s.svg)\n\n%s\n", command(e.Name), e.Name, e.Name, e.Name, figures(reports[i]))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// command plays an example in virtual time.
func command(name string) string {
	if name == "fraud" { // live unless it is told otherwise
		return "cepd demo fraud --serve=false"
	}
	return "cepd demo " + name
}
