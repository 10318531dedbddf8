package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxChunkBytes = 8 << 20                // of rows that wait for their place
	unsettled     = 100 * time.Millisecond // between two attempts to read a chunk
)

// window is a chunk of the rows that are there, from when it is read until the
// changes have come as far. Rows that a change tells meanwhile are dropped: the
// change is not older.
type window struct {
	token string // marks the place
	rows  []chunkRow
	index map[string]int // by key
	last  bool           // there are no rows behind it
}

type chunkRow struct {
	key  []string
	json []byte
	gone bool
}

func (w *window) drop(key string) {
	if i, ok := w.index[key]; ok {
		w.rows[i].gone = true
	}
}

// readChunk reads the next rows, and marks the place that they have among the
// changes: all that they show has come before it. A transaction may come before it
// is visible; rows that are read then would be older than what has come. Then the
// chunk is read again later.
func (s *session) readChunk(ctx context.Context) error {
	var w *window
	err := s.question(ctx, func(ctx context.Context) (err error) {
		w, err = s.chunkRows(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if s.wait = w == nil; s.wait {
		s.waiting()
		return nil
	}
	s.since = time.Time{}
	w.token = rand.Text()
	err = s.question(ctx, func(ctx context.Context) error {
		_, err := rows(ctx, s.ask, "SELECT pg_logical_emit_message(true, '"+marking+"', $1::text)", w.token)
		return err
	})
	s.window = w
	return err
}

// waiting tells once that transactions are waited for.
func (s *session) waiting() {
	switch {
	case s.since.IsZero():
		s.since = time.Now()
	case !s.told && time.Since(s.since) > s.heartbeat:
		s.told = true
		s.log.Warn("the rows that are there are read on when transactions that are open in the database have ended", "table", s.rel.name)
	}
}

// chunkRows reads rows behind the mark's key; nil: not now.
func (s *session) chunkRows(ctx context.Context) (*window, error) {
	if _, err := s.ask.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").ReadAll(); err != nil {
		return nil, err
	}
	sees, err := s.visible(ctx)
	if err != nil {
		return nil, err
	}
	var w *window
	if s.settle(sees) {
		if w, err = s.fill(ctx); err != nil {
			return nil, err
		}
	}
	_, err = s.ask.Exec(ctx, "COMMIT").ReadAll()
	return w, err
}

// settle says whether all that has come is visible.
func (s *session) settle(v *visibility) bool {
	for xid := range s.seen {
		if v.sees(xid) {
			delete(s.seen, xid)
		}
	}
	return len(s.seen) == 0
}

// fill reads the rows of a chunk, as many as its limits allow.
func (s *session) fill(ctx context.Context) (*window, error) {
	r := s.rel
	all := make([]int, len(r.names))
	for i := range all {
		all[i] = i
	}
	sql, args := "SELECT "+r.list(all)+" FROM "+r.name+" WHERE true", make([][]byte, len(s.mark.key))
	if r.filter != "" {
		sql += " AND (" + r.filter + ")"
	}
	if len(s.mark.key) > 0 {
		places := make([]string, len(args))
		for i, k := range s.mark.key {
			args[i], places[i] = []byte(k), "$"+strconv.Itoa(i+1)
		}
		sql += " AND (" + r.list(r.key) + ") > (" + strings.Join(places, ", ") + ")"
	}
	answer := s.ask.ExecParams(ctx, sql+" ORDER BY "+r.list(r.key)+" LIMIT "+strconv.Itoa(s.chunk), args, nil, nil, nil)
	w := &window{index: map[string]int{}}
	read, bytes := 0, 0
	for answer.NextRow() {
		read++
		if bytes > maxChunkBytes { // what is behind is read again
			continue
		}
		bytes += w.add(s, answer.Values())
	}
	w.last = read < s.chunk && read == len(w.rows)
	_, err := answer.Close()
	return w, err
}

// add takes a row, whose bytes it copies.
func (w *window) add(s *session, values [][]byte) int {
	row := make(tuple, len(values))
	for i := range values {
		row[i] = valueOf(values[i])
	}
	x := chunkRow{key: s.keyTexts(row), json: appendRow(nil, s.columns, s.rel.types, row)}
	w.index[keyText(x.key)] = len(w.rows)
	w.rows = append(w.rows, x)
	return len(x.json)
}

// reach gives the rows of the window to the log: the changes have come to their
// place.
func (s *session) reach(ctx context.Context) error {
	w := s.window
	s.window = nil
	for i := range w.rows {
		x := &w.rows[i]
		s.mark.key = x.key
		if x.gone {
			continue
		}
		if err := s.put(ctx, s.record('r', x.json, 0)); err != nil {
			return err
		}
	}
	if w.last {
		s.mark.snapshot, s.mark.key = false, nil
		s.log.Info("the rows that were there have been read", "table", s.rel.name)
	}
	return s.note(ctx)
}

// recall has what is not visible now waited for: it may have come before the
// connection was made.
func (s *session) recall(ctx context.Context) error {
	if !s.mark.snapshot {
		return nil
	}
	v, err := s.visible(ctx)
	if err != nil {
		return err
	}
	for _, xid := range v.running {
		s.seen[uint32(xid)] = true
	}
	return nil
}

// visibility is a snapshot: which transactions it sees.
type visibility struct {
	least, next uint64 // those before least are over; those from next on have not begun
	running     []uint64
}

// visible is the snapshot of the transaction, or of now.
func (s *session) visible(ctx context.Context) (*visibility, error) {
	list, err := rows(ctx, s.ask, "SELECT pg_current_snapshot()")
	if err != nil {
		return nil, err
	}
	return parseVisibility(string(list[0][0]))
}

// parseVisibility reads xmin:xmax:xip,xip,…
func parseVisibility(text string) (*visibility, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return nil, fmt.Errorf("no snapshot: %q", text)
	}
	v := &visibility{}
	numbers := append([]string{parts[0], parts[1]}, strings.FieldsFunc(parts[2], func(r rune) bool { return r == ',' })...)
	for i, n := range numbers {
		x, err := strconv.ParseUint(n, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("no snapshot: %q", text)
		}
		switch i {
		case 0:
			v.least = x
		case 1:
			v.next = x
		default:
			v.running = append(v.running, x)
		}
	}
	return v, nil
}

// sees says whether a transaction is over and visible. Changes tell the lower half
// of its number, which is not far from the next.
func (v *visibility) sees(xid uint32) bool {
	full := v.next + uint64(int64(int32(xid-uint32(v.next))))
	return full < v.next && (full < v.least || !slices.Contains(v.running, full))
}
