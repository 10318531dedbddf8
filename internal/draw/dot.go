package draw

import (
	"fmt"
	"strings"
)

// DOT is the graphs as one graph in the language of Graphviz, each a cluster.
func DOT(name string, graphs []Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir=LR;\n  node [fontname=\"monospace\", fontsize=11];\n  edge [fontname=\"monospace\", fontsize=10];\n", quoted(name))
	for i := range graphs {
		dotCluster(&b, i, &graphs[i])
	}
	b.WriteString("}\n")
	return b.String()
}

func dotCluster(b *strings.Builder, i int, g *Graph) {
	fmt.Fprintf(b, "  subgraph cluster_%d {\n    label=%s; labeljust=l; color=gray; fontname=\"monospace\";\n", i, quoted(g.Title))
	for n := range g.Nodes {
		fmt.Fprintf(b, "    n%d_%d [label=%s, shape=%s];\n", i, n, quoted(g.Nodes[n].Label...), shapes[g.Nodes[n].Shape])
	}
	for _, e := range g.Edges {
		var attributes []string
		if len(e.Label) > 0 {
			attributes = append(attributes, "label="+quoted(e.Label...))
		}
		if e.Dashed {
			attributes = append(attributes, "style=dashed")
		}
		fmt.Fprintf(b, "    n%d_%d -> n%d_%d [%s];\n", i, e.From, i, e.To, strings.Join(attributes, ", "))
	}
	if len(g.Legend) > 0 {
		fmt.Fprintf(b, "    legend_%d [shape=plaintext, label=\"%s\"];\n", i, dotLegend(g.Legend))
	}
	b.WriteString("  }\n")
}

var shapes = [...]string{"circle", "doublecircle", "box"}

// dotLegend is the entries one below the other, to the left.
func dotLegend(list []Entry) string {
	var b strings.Builder
	for _, e := range list {
		b.WriteString(escaped(e.Name+"  "+e.Text) + `\l`)
	}
	return b.String()
}

func quoted(lines ...string) string {
	parts := make([]string, len(lines))
	for i, l := range lines {
		parts[i] = escaped(l)
	}
	return `"` + strings.Join(parts, `\n`) + `"`
}

var dotEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ")

func escaped(s string) string { return dotEscapes.Replace(s) }
