package backtest

import (
	"slices"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
)

// Progress is how far a back-test is.
type Progress struct {
	Part       string  `json:"part" enum:"labels,after,before" doc:"What is being read: the labelled rows, the query, or the version before"`
	Rows       int64   `json:"rows" doc:"Read, in this part"`
	Detections int64   `json:"detections" doc:"Found, in this part"`
	Partitions int     `json:"partitions"`
	Ended      int     `json:"partitions_ended"`
	Share      float64 `json:"share" doc:"Done, of all parts: 0 to 1"`
	Seconds    float64 `json:"seconds" doc:"Since it began"`
	ETASeconds float64 `json:"eta_seconds" doc:"Until its end, as it looks; 0 while that is unknown"`
}

// meter makes progress of statuses. All parts are taken to be as long.
type meter struct {
	request *Request
	clock   clock.Clock
	began   event.Time
	parts   []string
	part    string
	first   map[origin]int64 // where partitions began
}

func (r *Request) newMeter(c clock.Clock) *meter {
	if c == nil {
		c = clock.Wall{}
	}
	m := &meter{request: r, clock: c, began: c.Now()}
	if r.Label != "" {
		m.parts = append(m.parts, "labels")
	}
	if m.parts = append(m.parts, "after"); r.Before != nil {
		m.parts = append(m.parts, "before")
	}
	return m
}

// tell tells how a part stands.
func (m *meter) tell(part string, s engine.Status) {
	if m.request.Progress == nil {
		return
	}
	if part != m.part {
		m.part, m.first = part, map[origin]int64{}
	}
	p := Progress{Part: part, Partitions: len(s.Partitions), Seconds: float64(m.clock.Now()-m.began) / 1e6}
	var read, all int64
	for i := range s.Partitions {
		x := &s.Partitions[i]
		done, of := m.share(x)
		p.Rows, read, all = p.Rows+x.Rows, read+done, all+of
		if x.Ended {
			p.Ended++
		}
	}
	for _, x := range s.Sinks {
		p.Detections += int64(x.Rows)
	}
	share := 0.0
	if all > 0 {
		share = float64(read) / float64(all)
	}
	p.Share = (float64(slices.Index(m.parts, part)) + share) / float64(len(m.parts))
	if p.Share > 0 {
		p.ETASeconds = p.Seconds * (1 - p.Share) / p.Share
	}
	m.request.Progress(p)
}

// share is what has been read of a partition, and of what: bytes where it is files,
// else records.
func (m *meter) share(x *engine.PartitionStatus) (read, all int64) {
	switch {
	case x.Files != nil && x.Ended:
		return x.Files.Bytes, x.Files.Bytes
	case x.Files != nil:
		return x.Files.Read, x.Files.Bytes
	}
	key := origin{table: x.Table, partition: x.Partition}
	if _, ok := m.first[key]; !ok {
		m.first[key] = max(0, x.Position-x.Rows)
	}
	return x.Position - m.first[key], max(x.End, x.Position) - m.first[key]
}
