package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
)

// Graph is the operators of a running query, with what each has done since the
// process started: rates are differences between two looks.
type Graph struct {
	At         string      `json:"at" doc:"When it was looked at"`
	Watermark  string      `json:"watermark,omitempty"`
	HeldBackBy string      `json:"held_back_by,omitempty" doc:"What holds the watermark back"`
	BlockedMS  float64     `json:"blocked_ms" doc:"Time in which nothing was read because a sink or the disk was behind"`
	Nodes      []GraphNode `json:"nodes"`
	Edges      []GraphEdge `json:"edges"`
	Cut        bool        `json:"cut,omitempty" doc:"There are more edges than are told"`
}

// GraphNode is a source, a keyed stage or a sink.
type GraphNode struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind" enum:"source,stage,sink"`
	Title     string   `json:"title" doc:"The table, or what the stage does"`
	Key       []string `json:"key,omitempty" doc:"Columns by which rows go to the shards of the stage"`
	Units     int      `json:"units" doc:"Partitions of the source, shards of the stage"`
	RowsIn    int64    `json:"rows_in"`
	RowsOut   int64    `json:"rows_out"`
	BusyMS    float64  `json:"busy_ms" doc:"Time at work, of all units in parallel"`
	Watermark string   `json:"watermark,omitempty"`
	Lag       int64    `json:"lag" doc:"Of a source: records still to be read; -1: not known"`
	Dropped   int64    `json:"dropped,omitempty" doc:"Late and rejected rows"`
	Paused    int      `json:"paused,omitempty" doc:"Partitions that wait for others of their alignment group"`
	Keys      int64    `json:"keys,omitempty"`
	Matches   int64    `json:"partial_matches,omitempty"`
	Waiting   int64    `json:"waiting_rows,omitempty" doc:"Rows that wait for the watermark"`
	Bytes     int64    `json:"bytes" doc:"Of the state, or of the rows on their way to the sink"`
	Pressure  float64  `json:"pressure" doc:"How full its queue is, 0 to 1: at 1 what feeds it has to wait"`
	Pattern   bool     `json:"pattern,omitempty" doc:"It has an automaton"`
}

// GraphEdge is a way of rows.
type GraphEdge struct {
	From      string   `json:"from"`
	To        string   `json:"to"`
	Operators []string `json:"operators,omitempty" doc:"Stateless, on the way"`
	Rows      int64    `json:"rows" doc:"That came out of the way's end"`
}

// maxGraphEdges bounds a graph: thousands of patterns may run together.
const maxGraphEdges = 300

// Graph looks at the operators of the query.
func (q *Query) Graph(ctx context.Context) (g *Graph, err error) {
	err = q.ask(ctx, func(p *Pipeline) error {
		g = p.lookAtGraph()
		return nil
	})
	return g, err
}

// lookAtGraph looks at the operators between two steps.
func (p *Pipeline) lookAtGraph() *Graph {
	now := p.clock.Now()
	g := &Graph{At: time.UnixMicro(now).UTC().Format(time.RFC3339Nano), HeldBackBy: p.holdback(), BlockedMS: millis(p.blockedFor), Nodes: []GraphNode{}, Edges: []GraphEdge{}}
	if p.blockedSince != 0 {
		g.BlockedMS += millis(now - p.blockedSince)
	}
	for _, s := range p.sources {
		g.Nodes = append(g.Nodes, s.node())
	}
	for _, s := range p.stages {
		g.Nodes = append(g.Nodes, p.stageNode(s))
		g.Watermark = showTime(s.domain.combined)
	}
	for i, o := range p.boxes {
		g.Nodes = append(g.Nodes, o.node(i))
	}
	if p.ways == nil {
		p.ways = p.graphWays()
	}
	for _, w := range p.ways {
		g.add(w.from, w.to, w.operators, w.rows())
	}
	g.flow()
	return g
}

// graphWay is an edge of the graph with the counters of its rows.
type graphWay struct {
	from, to  string
	operators []string
	counts    []*int64
}

func (w *graphWay) rows() (n int64) {
	for _, c := range w.counts {
		n += *c
	}
	return n
}

// graphWays are the edges: of the sources, with the branches of all partitions
// together, and of the stages.
func (p *Pipeline) graphWays() []graphWay {
	ways := []graphWay{}
	for _, s := range p.sources {
		for k := range s.plan.Branches {
			w := graphWay{from: sourceID(s.index), to: p.targetID(s.plan.Branches[k].To), operators: chainNames(s.plan.Branches[k].Chain)}
			for _, u := range s.units {
				w.counts = append(w.counts, &u.branches[k].passed)
			}
			ways = append(ways, w)
		}
	}
	for _, s := range p.stages {
		for _, o := range s.outlets {
			if len(ways) > maxGraphEdges {
				return ways
			}
			ways = append(ways, graphWay{stageID(s.index), p.targetID(o.plan.To), chainNames(o.plan.Chain), []*int64{&o.passed}})
		}
	}
	return ways
}

// add adds an edge; ways between the same two nodes with the same operators are
// one.
func (g *Graph) add(from, to string, names []string, rows int64) {
	same := slices.IndexFunc(g.Edges, func(e GraphEdge) bool {
		return e.From == from && e.To == to && slices.Equal(e.Operators, names)
	})
	switch {
	case same >= 0:
		g.Edges[same].Rows += rows
	case len(g.Edges) == maxGraphEdges:
		g.Cut = true
	default:
		g.Edges = append(g.Edges, GraphEdge{from, to, names, rows})
	}
}

// flow fills in what the edges know of the nodes' rows.
func (g *Graph) flow() {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for _, e := range g.Edges {
			if e.From == n.ID {
				n.RowsOut += e.Rows
			}
			if e.To == n.ID && n.Kind == "stage" {
				n.RowsIn += e.Rows
			}
		}
	}
}

func (s *source) node() GraphNode {
	n := GraphNode{ID: sourceID(s.index), Kind: "source", Title: s.name, Units: len(s.units)}
	mark := event.MaxTime
	for _, u := range s.units {
		n.RowsIn += u.stats.rows
		n.Dropped += u.stats.rejects + u.stats.late
		n.BusyMS += millis(u.busy)
		if n.Lag >= 0 {
			n.Lag = addLag(n.Lag, u.lag())
		}
		if u.paused {
			n.Paused++
		}
		if u.active() {
			mark = min(mark, u.mark)
		}
	}
	n.Watermark = showTime(mark)
	return n
}

// addLag adds a partition's records; -1: not known.
func addLag(sum, lag int64) int64 {
	if lag < 0 {
		return -1
	}
	return sum + lag
}

func (p *Pipeline) stageNode(s *stage) GraphNode {
	size, waiting := s.size()
	return GraphNode{
		ID: stageID(s.index), Kind: "stage", Title: s.plan.Kind, Key: s.keyNames(), Units: len(s.shards), BusyMS: millis(s.busy),
		Watermark: showTime(s.domain.combined), Keys: size.Keys + size.Cold, Matches: size.Items, Waiting: waiting.Rows, Bytes: size.Bytes,
		Pressure: min(1, float64(waiting.Bytes)/float64(p.settings.orderBufferBytes)), Pattern: s.plan.Pattern != nil || len(s.plan.Members) > 0,
	}
}

func (s *stage) keyNames() (names []string) {
	for _, c := range s.plan.Key {
		names = append(names, s.plan.Prepared.Fields[c].Name)
	}
	return names
}

func (o *outbox) node(i int) GraphNode {
	s := o.status()
	return GraphNode{ID: sinkID(i), Kind: "sink", Title: o.table, Units: 1, RowsIn: int64(s.Rows), RowsOut: int64(s.Acknowledged), Bytes: s.QueuedBytes,
		Pressure: min(1, float64(s.QueuedBytes)/float64(o.limit))}
}

func sourceID(i int) string { return fmt.Sprintf("source-%d", i) }
func stageID(i int) string  { return fmt.Sprintf("stage-%d", i) }
func sinkID(i int) string   { return fmt.Sprintf("sink-%d", i) }

func (p *Pipeline) targetID(to int) string {
	if sink, ok := build.SinkOf(to); ok {
		return sinkID(sink)
	}
	return stageID(to)
}

// chainNames are the stateless operators of a way; arrange, which only puts
// columns into their places, is none.
func chainNames(c build.Chain) (names []string) {
	ops, err := c.New()
	if err != nil {
		return nil
	}
	for _, op := range ops {
		if name := operatorName(op); name != "arrange" {
			names = append(names, name)
		}
	}
	return names
}

func operatorName(op operators.Operator) string {
	name := fmt.Sprintf("%T", op)
	return strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
}

func millis(micros int64) float64 { return float64(micros) / 1000 }
