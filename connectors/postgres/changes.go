package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// marking is the prefix of the messages that mark a place among the changes.
const marking = "cepd"

// apply takes a message of the changes.
func (s *session) apply(ctx context.Context, m *message) error {
	switch m.kind {
	case msgBegin:
		s.txn = txn{open: true, commit: m.commit, time: m.time, xid: m.xid}
	case msgCommit:
		return s.commit(ctx, m)
	case msgRelation:
		if m.relation == s.rel.oid {
			return s.learn(m)
		}
	case msgInsert, msgUpdate, msgDelete:
		if m.relation == s.rel.oid {
			return s.change(ctx, m)
		}
	case msgTruncate:
		if slices.Contains(m.truncated, s.rel.oid) {
			return s.truncate()
		}
	case msgMessage:
		if s.window != nil && m.prefix == marking && m.content == s.window.token {
			return s.reach(ctx)
		}
	}
	return nil
}

// learn finds the declared columns in the rows that come.
func (s *session) learn(m *message) error {
	s.width, s.place, s.types = len(m.names), make([]int, 0, len(s.rel.names)), make([]uint32, 0, len(s.rel.names))
	for _, name := range s.rel.names {
		i := slices.Index(m.names, name)
		if i < 0 {
			return final("column %s does not come with the changes of table %s any more (dropped, renamed, or left out by publication %s): declare the table without it", name, s.rel.name, s.publication)
		}
		s.place, s.types = append(s.place, i), append(s.types, m.types[i])
	}
	return nil
}

// commit notes that all of a transaction is in the log, if something of it is new.
func (s *session) commit(ctx context.Context, m *message) error {
	news := s.txn.news
	s.txn = txn{}
	s.position = max(s.position, m.end)
	if !news {
		return nil
	}
	s.mark.end = max(s.mark.end, m.end)
	return s.note(ctx)
}

func (s *session) truncate() error {
	switch {
	case s.txn.commit < s.mark.commit:
	case option(s.table, optTruncate) == truncateSkip:
		s.log.Warn("a TRUNCATE is passed over", "table", s.rel.name)
	default:
		return final("table %s has been truncated, which tells no rows: set '%s' = '%s' to go on with the rows as if they were still there, or %s", s.rel.name, optTruncate, truncateSkip, anew)
	}
	return nil
}

// change takes an insert, update or delete. Each has its places in the transaction,
// whatever becomes of it: what is in the log already is known by them.
func (s *session) change(ctx context.Context, m *message) error {
	if !s.txn.open || s.place == nil {
		return errDamaged
	}
	if s.mark.snapshot {
		s.seen[s.txn.xid] = true
	}
	old, err := s.pick(m.old)
	if err != nil {
		return err
	}
	after, err := s.pick(m.new)
	if err != nil {
		return err
	}
	first := s.txn.n + 1
	s.txn.n = first
	switch m.kind {
	case msgInsert:
		return s.emit(ctx, first, 'c', after)
	case msgDelete:
		return s.emit(ctx, first, 'd', old)
	}
	s.txn.n++
	if !s.fresh(s.txn.n) {
		return nil
	}
	if gone, err := s.complete(ctx, old, after); err != nil || gone {
		return err
	}
	if old == nil || len(s.rel.key) == 0 || s.keyOf(old) == s.keyOf(after) {
		return s.emit(ctx, s.txn.n, 'u', after)
	}
	if err := s.emit(ctx, first, 'd', old); err != nil {
		return err
	}
	return s.emit(ctx, s.txn.n, 'c', after)
}

// pick is the declared columns of a row.
func (s *session) pick(t tuple) (tuple, error) {
	if t == nil {
		return nil, nil
	}
	if len(t) != s.width {
		return nil, errDamaged
	}
	out := make(tuple, len(s.place))
	for i, from := range s.place {
		out[i] = t[from]
	}
	return out, nil
}

// fresh says whether what has this place in the transaction is not in the log yet.
func (s *session) fresh(n uint64) bool {
	return s.txn.commit > s.mark.commit || s.txn.commit == s.mark.commit && n > s.mark.n
}

// emit gives a change to the log.
func (s *session) emit(ctx context.Context, n uint64, op byte, row tuple) error {
	if !s.fresh(n) {
		return nil
	}
	if row == nil {
		return errDamaged
	}
	s.mark.commit, s.mark.n, s.txn.news = s.txn.commit, n, true
	if s.window != nil {
		s.window.drop(keyText(s.keyTexts(row)))
	}
	return s.put(ctx, s.record(op, appendRow(nil, s.columns, s.types, row), s.txn.time))
}

// keyTexts is the texts of a row's key.
func (s *session) keyTexts(row tuple) []string {
	key := make([]string, len(s.rel.key))
	for i, c := range s.rel.key {
		key[i] = string(row[c].text)
	}
	return key
}

func (s *session) keyOf(row tuple) string { return keyText(s.keyTexts(row)) }

// complete fills the values that did not come with an update because they are large
// and have not changed: with those of before, where these came, or with those that
// the row has now. If it has changed again, the later change comes too. A row that
// is gone, or has another key now, is told by a later change.
func (s *session) complete(ctx context.Context, old, row tuple) (gone bool, err error) {
	var lack []int
	for i := range row {
		switch {
		case row[i].kind != 'u':
		case old != nil && old[i].kind == 't':
			row[i] = old[i]
		default:
			lack = append(lack, i)
		}
	}
	if len(lack) == 0 || len(s.rel.key) == 0 {
		return false, nil
	}
	var where []string
	for i, c := range s.rel.key {
		if row[c].kind != 't' {
			return false, final("an update of table %s does not tell the row's key: ALTER TABLE %s REPLICA IDENTITY FULL", s.rel.name, s.rel.name)
		}
		where = append(where, fmt.Sprintf("%s = $%d", quoted(s.rel.names[c]), i+1))
	}
	var found [][][]byte
	err = s.question(ctx, func(ctx context.Context) (err error) {
		found, err = rows(ctx, s.ask, "SELECT "+s.rel.list(lack)+" FROM "+s.rel.name+" WHERE "+strings.Join(where, " AND "), s.keyTexts(row)...)
		return err
	})
	if err != nil || len(found) == 0 {
		return true, err
	}
	for i, c := range lack {
		row[c] = valueOf(found[0][i])
	}
	return false, nil
}

// valueOf is a value as a question is answered; nil is NULL.
func valueOf(text []byte) value {
	if text == nil {
		return value{kind: 'n'}
	}
	return value{'t', text}
}
