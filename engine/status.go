package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators"
	"github.com/cepd/cepd/operators/build"
)

// State is where a query stands in its life.
type State string

// The states.
const (
	StateRecovering State = "recovering" // replaying the journal
	StateRunning    State = "running"
	StateFinished   State = "finished" // the bounded input has ended and everything is delivered
	StateStopped    State = "stopped"  // orderly, to be continued
	StateFailed     State = "failed"
	StatePaused     State = "paused" // by somebody, until it is resumed; told by the server
)

// Status is a look at a query. Times of events are RFC 3339 in UTC, empty where
// there is none.
type Status struct {
	Name       string            `json:"name"`
	State      State             `json:"state"`
	Version    int               `json:"version,omitempty"` // of the query's text; told by the server
	Shadow     string            `json:"shadow,omitempty"`  // the phase of its shadow; told by the server
	Rule       map[string]string `json:"rule,omitempty"`    // pack, severity, owner, runbook, tags: SET 'rule.…'; told by the server
	Error      string            `json:"error,omitempty"`
	Failure    *FailureStatus    `json:"failure,omitempty"`
	Hint       string            `json:"hint,omitempty"` // why nothing comes out
	Watermark  string            `json:"watermark,omitempty"`
	HeldBackBy string            `json:"held_back_by,omitempty"` // the partition with the least mark
	Next       *NextStatus       `json:"next_output,omitempty"`  // when time decides something; nil: nothing waits for it
	Sources    []SourceStatus    `json:"sources,omitempty"`
	Partitions []PartitionStatus `json:"partitions"`
	Operators  []OperatorStatus  `json:"operators,omitempty"`
	Sinks      []SinkStatus      `json:"sinks"`
	Steps      int64             `json:"steps"`
	Rejected   map[string]int64  `json:"rejected,omitempty"` // by kind
	Durability DurabilityStatus  `json:"durability"`
}

// FailureStatus is the end of a query that failed.
type FailureStatus struct {
	At          string `json:"at"`
	Panic       bool   `json:"panic,omitempty"` // a bug: the stack is in the log
	Where       string `json:"where,omitempty"` // what was at work, and on which rows
	Restarts    int    `json:"restarts"`        // by the server, since it last ran long enough
	NextRestart string `json:"next_restart,omitempty"`
}

// PartitionStatus is a source partition.
type PartitionStatus struct {
	Table     string `json:"table"`
	Partition int32  `json:"partition"`
	Position  int64  `json:"position"`
	End       int64  `json:"end"` // -1: unknown
	Lag       int64  `json:"lag"` // -1: unknown
	Watermark string `json:"watermark,omitempty"`
	Idle      bool   `json:"idle"`
	Ended     bool   `json:"ended"`
	Rows      int64  `json:"rows"` // since the process started
	Rejects   int64  `json:"rejects"`
	Late      int64  `json:"late"`
	Filtered  int64  `json:"filtered"`         // rows that no way of the query takes: WHERE, or that no variable can be
	Newest    string `json:"newest,omitempty"` // event time
	Paused    bool   `json:"paused,omitempty"` // it is too far ahead of its group: see alignment

	Files *FilesStatus `json:"files,omitempty"` // of a table of many files; nil: it is none
}

// FilesStatus is the files of a partition, as far as they have been found.
type FilesStatus struct {
	Files   int64 `json:"files"`
	Skipped int64 `json:"skipped"` // passed over, since WHERE takes no row of them; since the process started
	Bytes   int64 `json:"bytes"`   // of those that are read, as they are kept
	Read    int64 `json:"read"`    // of the bytes, about
}

// OperatorStatus is what a stateful stage holds.
type OperatorStatus struct {
	Stage    int   `json:"stage"`
	Shards   int   `json:"shards"`
	Keys     int64 `json:"keys"`
	Rows     int64 `json:"rows"`
	Items    int64 `json:"partial_matches"`
	Bytes    int64 `json:"bytes"`
	Waiting  int64 `json:"waiting_rows"`            // for the watermark
	Withheld int64 `json:"withheld_rows,omitempty"` // by SUPPRESS, so far
	Cold     int64 `json:"cold_keys,omitempty"`     // known to be in the store only; keys and bytes are those in memory
	Spilled  int64 `json:"spilled_keys,omitempty"`  // keys let go of, since the process started
	Reads    int64 `json:"state_reads,omitempty"`   // keys looked for in the store
	Loaded   int64 `json:"loaded_keys,omitempty"`   // keys found there
	Budget   int64 `json:"budget_bytes,omitempty"`  // above which keys are let go of; 0: none are

	Lookup *LookupStatus `json:"lookup,omitempty"` // of a table that is asked; nil: none is
}

// LookupStatus is what a stage has asked a table, since the process started.
type LookupStatus struct {
	Table  string `json:"table"`
	Hits   int64  `json:"hits"`   // keys that were known
	Misses int64  `json:"misses"` // keys that were asked for
	Failed int64  `json:"failed"` // keys without an answer
	Errors int64  `json:"errors"` // questions that failed, those asked again among them
}

// SinkStatus is an outbox.
type SinkStatus struct {
	Table        string `json:"table"`
	Rows         uint64 `json:"rows"`
	Acknowledged uint64 `json:"acknowledged"`
	QueuedBytes  int64  `json:"queued_bytes"`
	Newest       string `json:"newest,omitempty"` // event time of the rows so far

	Calls    *CallStatus    `json:"calls,omitempty"`    // of a sink that calls a service; nil: it does not
	Warnings *WarningStatus `json:"warnings,omitempty"` // of the connector; nil: none
}

// CallStatus is what a sink has called a service for, since the process started.
type CallStatus struct {
	Calls     int64  `json:"calls"`                // attempts
	Failures  int64  `json:"failures"`             // attempts that did not deliver
	Refused   int64  `json:"refused"`              // rows that were given up
	Breaker   string `json:"breaker,omitempty"`    // closed, open, half-open; empty: there is none
	LastError string `json:"last_error,omitempty"` // of the last attempt, if it failed
}

// DurabilityStatus is what a crash would leave.
type DurabilityStatus struct {
	Kept          bool   `json:"kept"` // there is a data directory
	Step          uint64 `json:"step"`
	DurableStep   uint64 `json:"durable_step"`
	LastCommit    string `json:"last_commit,omitempty"`
	LastSnapshot  string `json:"last_snapshot,omitempty"`
	SnapshotBytes int64  `json:"snapshot_bytes"`
	StateBytes    int64  `json:"state_bytes,omitempty"` // about, of the disk, after the last snapshot
}

type snapshotInfo struct {
	at    event.Time
	bytes int64
}

func showTime(t event.Time) string {
	if t == event.MinTime || t == event.MaxTime || t == 0 {
		return ""
	}
	return time.UnixMicro(t).UTC().Format(time.RFC3339Nano)
}

// Status looks at the pipeline between two steps.
func (p *Pipeline) Status() Status {
	s := Status{Name: p.name, State: StateRunning, Steps: p.steps, HeldBackBy: p.holdback(), Next: p.next(), Hint: p.hint(), Rejected: map[string]int64{}}
	if p.recovery != nil {
		s.State = StateRecovering
	}
	for _, src := range p.sources {
		s.Sources = append(s.Sources, src.status())
	}
	for _, u := range p.units {
		s.Partitions = append(s.Partitions, PartitionStatus{
			Table: u.src.name, Partition: u.part, Position: u.position, End: u.reader.End(), Lag: u.lag(), Watermark: showTime(u.mark),
			Idle: u.idle, Ended: u.eof, Rows: u.stats.rows, Rejects: u.stats.rejects, Late: u.stats.late, Filtered: u.filtered(), Newest: showTime(u.newest), Paused: u.paused, Files: u.files(),
		})
	}
	for kind, n := range p.rejected() {
		if n > 0 {
			s.Rejected[operators.RejectKind(kind).String()] = n
		}
	}
	for _, st := range p.stages {
		size, waiting := st.size()
		s.Operators = append(s.Operators, OperatorStatus{
			Stage: st.index, Shards: len(st.shards), Keys: size.Keys, Rows: size.Rows, Items: size.Items, Bytes: size.Bytes,
			Waiting: waiting.Rows, Withheld: st.withheld(),
			Cold: size.Cold, Spilled: size.Spilled, Reads: size.Reads, Loaded: size.Loaded, Budget: p.budget.of(st),
			Lookup: st.lookupStatus(),
		})
	}
	for _, o := range p.boxes {
		s.Sinks = append(s.Sinks, o.status())
	}
	if n := len(p.stages); n > 0 {
		s.Watermark = showTime(p.stages[n-1].domain.combined)
	}
	s.Durability = DurabilityStatus{
		Kept: p.journal.store != nil, Step: p.number, DurableStep: p.journal.durableCut().step, LastCommit: showTime(p.journal.committed.Load()),
		LastSnapshot: showTime(p.snapshots.at), SnapshotBytes: p.snapshots.bytes, StateBytes: p.diskBytes.Load(),
	}
	return s
}

// withheld counts the rows that SUPPRESS has withheld since the query began.
func (s *stage) withheld() (n int64) {
	for _, h := range s.shards {
		if op, ok := h.op.(interface{ Withheld() int64 }); ok {
			n += op.Withheld()
		}
	}
	return n
}

func (o *outbox) status() SinkStatus {
	o.mu.Lock()
	defer o.mu.Unlock()
	return SinkStatus{Table: o.table, Rows: o.seq, Acknowledged: o.acked, QueuedBytes: o.bytes, Newest: showTime(o.newest), Calls: o.calls(), Warnings: o.warned.status()}
}

// calls is nil where the sink calls nobody.
func (o *outbox) calls() *CallStatus {
	s, ok := o.sink.(connectors.Active)
	if !ok {
		return nil
	}
	a := s.Activity()
	return &CallStatus{Calls: a.Calls, Failures: a.Failures, Refused: a.Refused, Breaker: a.Breaker, LastError: a.LastError}
}

// rejected is the rejects by kind.
func (p *Pipeline) rejected() [rejectKindCount]int64 {
	n := p.stageRejects
	for _, u := range p.units {
		for k := range n {
			n[k] += u.stats.byKind[k]
		}
	}
	return n
}

// holder is the active unit with the least mark; nil when there is none.
func (p *Pipeline) holder() *unit {
	var least *unit
	for _, u := range p.units {
		if u.staged() && u.active() && (least == nil || u.mark < least.mark) {
			least = u
		}
	}
	return least
}

// openStage is the stage whose open matches hold the watermark of the next one
// furthest back; nil when none does.
func (p *Pipeline) openStage() *stage {
	var least *stage
	for _, s := range p.stages {
		if s.inner() && s.output < s.told && (least == nil || s.output < least.output) {
			least = s
		}
	}
	return least
}

// holdback says which partition, or which stage, holds the watermark back, and
// why.
func (p *Pipeline) holdback() string {
	u, s := p.holder(), p.openStage()
	switch {
	case s != nil && (u == nil || s.output < u.mark):
		return fmt.Sprintf("open matches of stage %d may still be reported, from %s on", s.index, formatTime(s.output+1))
	case u == nil:
		return ""
	case u.mark == event.MinTime && u.src.idleTimeout > 0:
		return fmt.Sprintf("%s has delivered nothing and is not idle yet (after %s)", u, time.Duration(u.src.idleTimeout)*time.Microsecond)
	case u.mark == event.MinTime:
		return fmt.Sprintf("%s has delivered nothing and 'scan.watermark.idle-timeout' is off", u)
	}
	return fmt.Sprintf("%s is the furthest behind: its rows so far assert %s", u, formatTime(u.mark))
}

// hint is a sentence that says why nothing comes out; empty when rows do.
func (p *Pipeline) hint() string {
	box := p.boxes[0].status()
	var rows, behind int64
	for _, u := range p.units {
		rows += u.stats.rows
		behind += max(0, u.lag())
	}
	switch {
	case p.recovery != nil:
		return fmt.Sprintf("replaying step %d of %d", p.recovery.at, len(p.recovery.steps))
	case p.diskFull():
		return "the disk with the state is full: nothing is read until there is room"
	case p.journal.tooLong():
		return "the disk is behind: the journal waits to be written"
	case p.blocked() && p.settings.sinkRate > 0:
		return fmt.Sprintf("the sink's queue is full: 'sink.max-rows-per-second' lets %d rows leave in a second", p.settings.sinkRate)
	case p.blocked():
		return "the sink is behind: its queue is full"
	case box.Rows > box.Acknowledged && box.Calls != nil && box.Calls.LastError != "":
		return fmt.Sprintf("%d rows wait for the sink: %s", box.Rows-box.Acknowledged, box.Calls.LastError)
	case box.Rows > box.Acknowledged:
		return fmt.Sprintf("%d rows wait for the sink", box.Rows-box.Acknowledged)
	case rows == 0 && behind == 0:
		return "no partition has delivered a row yet"
	case rows == 0:
		return fmt.Sprintf("%d rows are behind, none has been read yet", behind)
	case box.Rows > 0:
		return ""
	}
	return p.silence(rows)
}

// silence says why rows went in but none has come out.
func (p *Pipeline) silence(rows int64) string {
	if len(p.stages) == 0 {
		return fmt.Sprintf("all %d rows were filtered out", rows)
	}
	for _, s := range slices.Backward(p.stages) {
		switch size, waiting := s.size(); {
		case waiting.Rows > 0:
			return fmt.Sprintf("%d rows wait for the watermark, which is %s: %s", waiting.Rows, formatTime(s.domain.combined), p.holdback())
		case size.Items > 0:
			return fmt.Sprintf("%d matches are open; the watermark is %s", size.Items, formatTime(s.domain.combined))
		case size.Keys > 0 && s.plan.Kind == build.KindWindow:
			return fmt.Sprintf("the windows of %d groups are open; the watermark is %s", size.Keys, formatTime(s.domain.combined))
		}
	}
	var filtered int64
	for _, u := range p.units {
		filtered += u.filtered()
	}
	switch {
	case filtered == rows:
		return fmt.Sprintf("all %d rows were filtered out", rows)
	case filtered > 0:
		return fmt.Sprintf("%d rows were read, %d of them filtered out, and no match has begun", rows, filtered)
	}
	return fmt.Sprintf("%d rows were read and no match has begun", rows)
}
