package backtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cepd/cepd/internal/event"
)

// Report is what a back-test found. Before is about the version compared with,
// if there is one.
type Report struct {
	After     Version    `json:"after"`
	Before    *Version   `json:"before,omitempty"`
	Same      int        `json:"same" doc:"Detections of both versions"`
	Appear    Difference `json:"appear" doc:"Of the query, and not of the version before"`
	Disappear Difference `json:"disappear" doc:"Of the version before, and not of the query"`
	Change    Difference `json:"change" doc:"Of both, by the same rows, with other values"`
	Days      []Part     `json:"days"`
	Segments  []Part     `json:"segments,omitempty"`
	By        string     `json:"by,omitempty"`
}

// Version is how a version did.
type Version struct {
	Rows       int64   `json:"rows" doc:"Read"`
	Seconds    float64 `json:"seconds"`
	Detections int     `json:"detections"`
	Score      *Score  `json:"score,omitempty"`
}

// Difference lists detections.
type Difference struct {
	Count int       `json:"count"`
	First []Example `json:"first,omitempty"`
}

// Example is a detection; Before has its values in the version before.
type Example struct {
	ID     string          `json:"id"`
	Time   string          `json:"time,omitempty"`
	Row    json.RawMessage `json:"row,omitempty"`
	Before json.RawMessage `json:"before,omitempty"`
}

// Part counts the detections of a day, or of a segment.
type Part struct {
	Name      string `json:"name"`
	After     int    `json:"after"`
	Before    int    `json:"before"`
	Appear    int    `json:"appear"`
	Disappear int    `json:"disappear"`
	Change    int    `json:"change"`
}

// maxSegments is how many segments are told apart.
const maxSegments = 10_000

// compare makes the report.
func (r *Request) compare(before, after *version, l *labels) (*Report, error) {
	c := &comparison{report: &Report{After: after.summary(l), By: r.By}, limit: r.Limit, days: map[string]*Part{}, segments: map[string]*Part{}, by: r.By != ""}
	if before == nil {
		for i := range after.list {
			c.count(&after.list[i], func(p *Part) { p.After++ })
		}
		return c.finish()
	}
	summary := before.summary(l)
	c.report.Before = &summary
	for i := range after.list {
		d := &after.list[i]
		c.count(d, func(p *Part) { p.After++ })
		k, ok := before.byID[d.id]
		switch {
		case !ok:
			c.count(d, func(p *Part) { p.Appear++ })
			c.add(&c.report.Appear, d, nil)
		case before.list[k].text != d.text:
			c.count(d, func(p *Part) { p.Change++ })
			c.add(&c.report.Change, d, &before.list[k])
		default:
			c.report.Same++
		}
	}
	for i := range before.list {
		d := &before.list[i]
		c.count(d, func(p *Part) { p.Before++ })
		if _, ok := after.byID[d.id]; !ok {
			c.count(d, func(p *Part) { p.Disappear++ })
			c.add(&c.report.Disappear, nil, d)
		}
	}
	return c.finish()
}

func (v *version) summary(l *labels) Version {
	out := Version{Rows: v.rows, Seconds: v.seconds, Detections: len(v.list)}
	if l != nil {
		out.Score = l.score(v)
	}
	return out
}

// comparison counts.
type comparison struct {
	report         *Report
	limit          int
	by             bool
	days, segments map[string]*Part
}

func (c *comparison) count(d *detection, add func(*Part)) {
	day := "without time"
	if d.at != event.MinTime {
		day = time.UnixMicro(d.at).UTC().Format(time.DateOnly)
	}
	add(part(c.days, day))
	if c.by {
		add(part(c.segments, d.by))
	}
}

func part(parts map[string]*Part, name string) *Part {
	p := parts[name]
	if p == nil {
		p = &Part{Name: name}
		parts[name] = p
	}
	return p
}

// add lists a detection, as it is and as it was.
func (c *comparison) add(to *Difference, is, was *detection) {
	if to.Count++; to.Count > c.limit {
		return
	}
	d := cmp.Or(is, was)
	x := Example{ID: d.id.Hex()}
	if d.at != event.MinTime {
		x.Time = time.UnixMicro(d.at).UTC().Format(time.RFC3339Nano)
	}
	if is != nil {
		x.Row = json.RawMessage(is.text)
	}
	if was != nil {
		x.Before = json.RawMessage(was.text)
	}
	to.First = append(to.First, x)
}

func (c *comparison) finish() (*Report, error) {
	if len(c.segments) > maxSegments {
		return nil, fmt.Errorf("%w: there are more than %d segments", ErrRequest, maxSegments)
	}
	c.report.Days, c.report.Segments = sorted(c.days), sorted(c.segments)
	return c.report, nil
}

func sorted(parts map[string]*Part) []Part {
	list := make([]Part, 0, len(parts))
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		list = append(list, *parts[name])
	}
	return list
}
