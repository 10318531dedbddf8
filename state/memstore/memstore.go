// Package memstore is a store in memory: the reference model that tests hold
// other stores against, and what an engine without a data directory uses.
package memstore

import (
	"bytes"
	"slices"
	"sync"

	"github.com/cepd/cepd/state"
)

// Store is a sorted list of pairs.
type Store struct {
	mu    sync.RWMutex
	pairs []pair
}

type pair struct{ key, value []byte }

// New is an empty store.
func New() *Store { return &Store{} }

func (s *Store) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(s.pairs, key, func(p pair, k []byte) int { return bytes.Compare(p.key, k) })
}

// Get reads a key.
func (s *Store) Get(key []byte) ([]byte, bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i, ok := s.find(key); ok {
		return s.pairs[i].value, true, nil
	}
	return nil, false, nil
}

// Scan visits from <= key < to in order; a nil to is the end. fn may use the
// store: it sees the pairs as they were when Scan began.
func (s *Store) Scan(from, to []byte, fn func(key, value []byte) error) error {
	s.mu.RLock()
	i, _ := s.find(from)
	j := len(s.pairs)
	if to != nil {
		j, _ = s.find(to)
	}
	pairs := slices.Clone(s.pairs[i:max(i, j)])
	s.mu.RUnlock()
	for _, p := range pairs {
		if err := fn(p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

// Size implements state.Sizer, exactly.
func (s *Store) Size(from, to []byte) (n int64, err error) {
	err = s.Scan(from, to, func(key, value []byte) error {
		n += int64(len(key) + len(value))
		return nil
	})
	return n, err
}

// Lookup reads many keys, which are in order.
func (s *Store) Lookup(keys [][]byte, fn func(i int, value []byte) error) error {
	for i, k := range keys {
		v, ok, err := s.Get(k)
		if ok && err == nil {
			err = fn(i, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// NewBatch collects writes.
func (s *Store) NewBatch() state.Batch { return &batch{store: s} }

// NewView copies the list.
func (s *Store) NewView() state.View {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &Store{pairs: slices.Clone(s.pairs)}
}

// Close does nothing.
func (s *Store) Close() error { return nil }

// batch keeps its writes as functions, in order.
type batch struct {
	store *Store
	ops   []func()
	size  int
}

func (b *batch) Put(key, value []byte) error {
	s, key, value := b.store, bytes.Clone(key), bytes.Clone(value)
	b.size += len(key) + len(value)
	b.ops = append(b.ops, func() {
		i, ok := s.find(key)
		if ok {
			s.pairs[i].value = value
			return
		}
		s.pairs = slices.Insert(s.pairs, i, pair{key, value})
	})
	return nil
}

func (b *batch) Delete(key []byte) error { return b.DeleteRange(key, append(bytes.Clone(key), 0)) }

func (b *batch) DeleteRange(from, to []byte) error {
	s, from, to := b.store, bytes.Clone(from), bytes.Clone(to)
	b.size += len(from) + len(to)
	b.ops = append(b.ops, func() {
		i, _ := s.find(from)
		j := len(s.pairs)
		if to != nil {
			j, _ = s.find(to)
		}
		s.pairs = slices.Delete(s.pairs, i, max(i, j))
	})
	return nil
}

func (b *batch) Commit(bool) error {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	for _, op := range b.ops {
		op()
	}
	b.ops = nil
	return nil
}

func (b *batch) Len() int     { return b.size }
func (b *batch) Close() error { return nil }
