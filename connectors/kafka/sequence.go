package kafka

import (
	"fmt"
)

// renewed gets a new producer id when sequences have been lost: the broker has
// forgotten them, or records it had acknowledged. Batches not acknowledged
// then count as new ones, so one whose answer was lost may come twice. It says
// whether batches may be sent.
func (s *sender) renewed(states map[int32]*leaderState) bool {
	s.mu.Lock()
	needed := s.renew
	s.mu.Unlock()
	if !needed {
		return true
	}
	for _, state := range states {
		if state.busy {
			return false // it still carries the old id
		}
	}
	from, err := s.client.initialize(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failLocked(fmt.Errorf("kafka: topic %q: %w", s.client.topic, err))
		return false
	}
	s.client.log.Warn("sequence lost: writing goes on as another producer", "producer", s.from.id, "next_producer", from.id)
	s.from, s.renew = from, false
	for i := range s.queues {
		s.queues[i].sequence = 0
		for _, b := range s.queues[i].batches {
			b.set = nil
		}
	}
	return true
}

// newTransaction forgets which partitions are part of the transaction.
func (s *sender) newTransaction() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.queues {
		s.queues[i].stranger = s.from.txn != ""
	}
}

// strangers are the partitions with batches that are not part of the
// transaction yet.
func (s *sender) strangers() (parts []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.queues {
		if q := &s.queues[i]; q.stranger && len(q.batches) > 0 {
			parts = append(parts, q.part)
		}
	}
	return parts
}

// enrolled says that partitions are part of the transaction now.
func (s *sender) enrolled(parts []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range parts {
		s.queues[p].stranger = false
	}
	s.poke()
}
