package stock

import (
	"github.com/cepd/cepd/internal/conformance"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/plan"
)

// Part is trades in the columns that a query reads.
type Part struct {
	Batch *event.Batch
	Last  event.Time // of the last trade
}

// Parts are the trades as the source of a query gives them.
func Parts(root *plan.Insert, trades []Trade) (list []Part) {
	scan := scanOf(root)
	for from := 0; from < len(trades); from += event.MaxRows {
		part := trades[from:min(len(trades), from+event.MaxRows)]
		b := conformance.ReadBatch(scan)
		fill(b, scan, part, from)
		list = append(list, Part{b, part[len(part)-1].Time * 1000})
	}
	return list
}

// Feed gives the parts to a query, and ends its input. They can be fed again.
func Feed(p *conformance.Pipeline, parts []Part) error {
	for i := range parts {
		b := parts[i].Batch
		b.Sel = nil
		if err := p.Step(b, parts[i].Last-1); err != nil {
			return err
		}
	}
	return p.Step(nil, event.MaxTime)
}

func scanOf(n plan.Node) *plan.Scan {
	for len(n.Inputs()) > 0 {
		n = n.Inputs()[0]
	}
	return n.(*plan.Scan)
}

// fill makes a batch of trades, numbered from first on.
func fill(b *event.Batch, scan *plan.Scan, trades []Trade, first int) {
	b.Reset(0)
	for i, trade := range trades {
		for c, col := range scan.Read {
			b.Cols[c].Append(value(col.Name, &trade))
		}
		b.ID = append(b.ID, event.ID{Lo: uint64(first + i)})
	}
	b.N = len(trades)
	b.Time = make([]event.Time, b.N) // the scan makes it
}

func value(column string, t *Trade) event.Value {
	switch column {
	case "kind":
		return event.StringValue(t.Kind)
	case "id":
		return event.IntValue(t.ID)
	case "name":
		return event.StringValue(t.Name)
	case "volume":
		return event.IntValue(t.Volume)
	case "price":
		return event.FloatValue(t.Price)
	}
	return event.IntValue(t.Time * 1000)
}
