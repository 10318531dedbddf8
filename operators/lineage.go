package operators

import "github.com/cepd/cepd/internal/event"

// Lineage is what the detections of a step were made of. Patterns write it for
// those who want to know; its memory is used again.
type Lineage struct {
	Conditions bool // they also want to know what conditions read, of a Program with Options.Explain

	made []Made
	rows []MadeRow
}

// MadeRow is a row that a detection was made of.
type MadeRow struct {
	BoundRow
	Met []Conjunct // all hold
}

// Made is a detection and the rows of its match. Of a long match the middle is
// left out. Rows of one match share From.
type Made struct {
	ID   event.ID
	From int // of its rows among all of the Lineage
	to   int
	Left int // rows that were left out
}

// maxLineage is the number of rows that a detection is noted with.
const maxLineage = 100

// Add notes a detection of n rows and gives room for those that are noted: the
// first and the last of them.
func (l *Lineage) Add(id event.ID, n int) []MadeRow {
	from := len(l.rows)
	for range min(n, maxLineage) {
		l.rows = append(l.rows, MadeRow{})
	}
	l.made = append(l.made, Made{ID: id, From: from, to: len(l.rows), Left: max(0, n-maxLineage)})
	return l.rows[from:]
}

// Again notes a detection of the same match as the one before.
func (l *Lineage) Again(id event.ID) {
	m := l.made[len(l.made)-1]
	m.ID = id
	l.made = append(l.made, m)
}

// Noted is which of n rows the i-th noted one is.
func Noted(i, n int) int {
	if n <= maxLineage || i < maxLineage/2 {
		return i
	}
	return n - maxLineage + i
}

// Reset forgets everything.
func (l *Lineage) Reset() { l.made, l.rows = l.made[:0], l.rows[:0] }

// Made lists the detections.
func (l *Lineage) Made() []Made { return l.made }

// Rows are those of a detection.
func (l *Lineage) Rows(m *Made) []MadeRow { return l.rows[m.From:m.to] }
