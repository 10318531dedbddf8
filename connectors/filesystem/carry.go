package filesystem

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/cepd/cepd/connectors"
)

// A savepoint has the list of files beside the offsets, which are places in it: a
// head, then the files in pieces, all of them JSON.

// carried is the head.
type carried struct {
	Version    int   `json:"version"`
	Partitions int64 `json:"partitions"`
	Begun      int64 `json:"begun"`  // so many files have been left behind by all partitions
	Needed     int64 `json:"needed"` // none behind so many has been begun
}

// pieceFiles is how many files are in a piece.
const pieceFiles = 4096

// Carry implements connectors.Carried.
func (s *source) Carry(at []int64, put func([]byte) error) error {
	s.mu.Lock()
	l := s.list
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	l.mu.Lock()
	files := l.files[:len(l.files):len(l.files)] // what is there does not change
	l.mu.Unlock()
	head := carried{Version: listVersion, Partitions: s.n, Needed: int64(len(files))}
	if at != nil {
		head.Begun, head.Needed = math.MaxInt64, 0
	}
	for _, offset := range at {
		index, place := offset>>recordBits, offset&maxRecord
		if head.Begun = min(head.Begun, index); place == 0 {
			index -= s.n // the one before it
		}
		head.Needed = max(head.Needed, index+1)
	}
	text, err := json.Marshal(head)
	if err == nil {
		err = put(text)
	}
	for err == nil && len(files) > 0 {
		n := min(pieceFiles, len(files))
		if text, err = json.Marshal(files[:n]); err == nil {
			err = put(text)
		}
		files = files[n:]
	}
	return err
}

// Adopt implements connectors.Carried.
func (s *source) Adopt(pieces [][]byte) { s.adopt = pieces }

// adopt begins the list, where there is none, with what a savepoint has of it. One
// that is there has to have the same files as far as they have been read.
func (l *list) adopt(ctx context.Context, s *source) error {
	if len(s.adopt) == 0 {
		return nil
	}
	l.looking.Lock()
	defer l.looking.Unlock()
	var h carried
	if err := json.Unmarshal(s.adopt[0], &h); err != nil || h.Version > listVersion || h.Partitions < 1 {
		return fmt.Errorf("the savepoint's list of files is damaged, or was written by a newer cepd: %w", err)
	}
	if h.Partitions != s.n {
		return connectors.OptionError{Key: optParallelism, Message: fmt.Sprintf("option '%s': the table was read in %d partitions when the savepoint was made, and not in %d", optParallelism, h.Partitions, s.n)}
	}
	var all []object
	for _, text := range s.adopt[1:] {
		var files []object
		if err := json.Unmarshal(text, &files); err != nil {
			return fmt.Errorf("the savepoint's list of files is damaged: %w", err)
		}
		all = append(all, files...)
	}
	for i := range all[:min(l.len(), int64(len(all)))] {
		has, _ := l.at(int64(i))
		switch {
		case has.Name == all[i].Name && (has.same(&all[i]) || int64(i) < h.Begun):
		case int64(i) >= h.Needed: // the others are as they have been found here
			return nil
		default:
			return fmt.Errorf("file %d of the table is %s here, as other queries read it, and was %s when the savepoint was made, or has changed since: restore the query in a data directory of its own, or drop the queries that read the table here",
				i, has.Name, all[i].Name)
		}
	}
	if n := l.len(); n < int64(len(all)) {
		return l.add(ctx, all[n:])
	}
	return nil
}
