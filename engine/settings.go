package engine

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/pattern"
)

// Settings of SET that the engine reads.
const (
	setShards       = "cepd.shards"                        // number of shards of a keyed stage
	setStepRows     = "cepd.step-rows"                     // rows of a partition per step
	setErrorPolicy  = "table.exec.error-policy"            // fail, dead-letter, skip
	setTimeZone     = "table.local-time-zone"              // of the session
	setOrderBuffer  = "state.order-buffer-max-bytes"       // of rows that wait for the watermark
	setSinkBuffer   = "sink.buffer-max-bytes"              // of rows on their way to a sink
	setMatchRows    = "state.max-rows-per-key"             // rows that a pattern keeps of a key
	setMatchThreads = "state.max-partial-matches-per-key"  // ways that a pattern follows at once for a key
	setMatchPolicy  = "state.limit-policy"                 // of a key that has as many: fail, drop-oldest, reject-new
	setTTL          = "state.ttl"                          // of partial matches, and of what is kept of idle keys
	setPhases       = "table.optimizer.agg-phase-strategy" // of window aggregates: read by the planner
	setMemory       = "state.memory.budget"                // of the operators' state, in bytes
	setSuppressed   = "state.max-suppressed-keys"          // keys that SUPPRESS holds in a shard
	setJoinRows     = "state.max-join-rows"                // rows that a join holds in a shard
)

// settings are the parsed SET values of a query.
type settings struct {
	shards           int
	stepRows         int
	policy           policy
	zone             *time.Location
	orderBufferBytes int64
	sinkBufferBytes  int64
	matchRows        int
	matchThreads     int
	matchPolicy      pattern.LimitPolicy
	ttl              time.Duration
	suppressed       int
	memory           int64 // 0: auto
	joinRows         int
}

// parseSettings reads what concerns the engine and leaves the rest alone.
func parseSettings(set map[string]string) (s settings, err error) {
	number := func(key string, low, high, fallback int64) int64 {
		text, ok := set[key]
		if !ok {
			return fallback
		}
		n, perr := strconv.ParseInt(text, 10, 64)
		if (perr != nil || n < low || n > high) && err == nil {
			err = fmt.Errorf("SET '%s': expected a number from %d to %d, found '%s'", key, low, high, text)
		}
		return n
	}
	s.shards = int(number(setShards, 1, 4096, 16))
	s.stepRows = int(number(setStepRows, 1, event.MaxRows, event.MaxRows))
	s.orderBufferBytes = number(setOrderBuffer, 1, 1<<50, 1<<30)
	s.sinkBufferBytes = number(setSinkBuffer, 1, 1<<40, 16<<20)
	s.matchRows = int(number(setMatchRows, 1, 1<<31-1, 0))
	s.matchThreads = int(number(setMatchThreads, 1, 1<<40, 0))
	s.suppressed = int(number(setSuppressed, 1, 1<<31, 0))
	s.joinRows = int(number(setJoinRows, 1, 1<<40, 0))
	if text, ok := set[setErrorPolicy]; ok && err == nil {
		if s.policy, err = parsePolicy(text); err != nil {
			err = fmt.Errorf("SET '%s': %w", setErrorPolicy, err)
		}
	}
	if text, ok := set[setMatchPolicy]; ok && err == nil {
		i := slices.Index([]string{"fail", "drop-oldest", "reject-new"}, text)
		if i < 0 {
			err = fmt.Errorf("SET '%s': expected 'fail', 'drop-oldest' or 'reject-new', found '%s'", setMatchPolicy, text)
		}
		s.matchPolicy = pattern.LimitPolicy(max(i, 0))
	}
	if text, ok := set[setTTL]; ok && err == nil {
		if s.ttl, err = duration.Parse(text); err != nil {
			err = fmt.Errorf("SET '%s': %w", setTTL, err)
		}
	}
	if text, ok := set[setMemory]; ok && text != "auto" && err == nil {
		if s.memory, err = parseBytes(text); err != nil {
			err = fmt.Errorf("SET '%s': %w", setMemory, err)
		}
	}
	switch text := set[setPhases]; {
	case err != nil || text == "" || text == "AUTO" || text == "ONE_PHASE" || text == "TWO_PHASE":
	default:
		err = fmt.Errorf("SET '%s': expected 'AUTO', 'ONE_PHASE' or 'TWO_PHASE', found '%s'", setPhases, text)
	}
	if s.zone = time.UTC; set[setTimeZone] != "" && err == nil {
		if s.zone, err = time.LoadLocation(set[setTimeZone]); err != nil {
			err = fmt.Errorf("SET '%s': %w", setTimeZone, err)
		}
	}
	return s, err
}

// Options of a table that the engine reads, whatever the connector.
const (
	optIdleTimeout = "scan.watermark.idle-timeout"
	optErrorPolicy = "scan.error-policy"
	optDeadLetters = "scan.dead-letter-table"
	optLateRows    = "scan.late-table"
	optReload      = "scan.reload-interval"
	optDelivery    = "sink.delivery-guarantee"
)

var engineOptions = []string{optIdleTimeout, optErrorPolicy, optDeadLetters, optLateRows}

const defaultIdleTimeout = 5 * time.Second
