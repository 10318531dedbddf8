// Package draw draws directed graphs: as text for Graphviz (DOT), or laid out
// as an SVG picture.
//
// The layout is layered, from left to right (Sugiyama, Tagawa, Toda, 1981):
// edges that lead back are turned round, nodes are put into layers by their
// longest path from the first node, edges over several layers get a bend in
// each, the order within a layer follows the neighbours' average, and so does
// the height. It is made for graphs of some dozens of nodes, and the same graph
// always gives the same bytes.
package draw

// Graph is a graph with a title and a legend below it.
type Graph struct {
	Title  string
	Nodes  []Node // laid out from the first on
	Edges  []Edge
	Legend []Entry
}

// Shape is the outline of a node.
type Shape uint8

// The shapes.
const (
	Circle Shape = iota
	DoubleCircle
	Box
)

// Node has one or more lines of text.
type Node struct {
	Label []string
	Shape Shape
}

// Edge leads from one node to another, or the same.
type Edge struct {
	From, To int
	Label    []string
	Dashed   bool
}

// Entry is a line of the legend: a name and what it stands for.
type Entry struct{ Name, Text string }
