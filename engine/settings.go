package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/join"
	"github.com/cepd/cepd/operators/pattern"
	"github.com/cepd/cepd/operators/suppress"
	"github.com/cepd/cepd/query/catalog"
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
	setDisk         = "state.disk.budget"                  // of the query's files, in bytes
	setCPUShare     = "cepd.cpu-share"                     // weight of its steps among those of other queries
	setSinkRate     = "sink.max-rows-per-second"           // that leave for each sink
	setExplain      = "detections.explain"                 // what detections carry beside their columns: none, events, conditions
	setEarly        = "table.exec.emit.early-fire.enabled" // of windows: read by the checker, as the four that follow
	setEarlyDelay   = "table.exec.emit.early-fire.delay"
	setLate         = "table.exec.emit.late-fire.enabled"
	setLateDelay    = "table.exec.emit.late-fire.delay"
	setLateness     = "table.exec.emit.allow-lateness"
	setPack         = "rule.pack" // shown by a server, as the four that follow
	setSeverity     = "rule.severity"
	setOwner        = "rule.owner"
	setRunbook      = "rule.runbook"
	setTags         = "rule.tags"

	setRestart         = "restart-strategy.type"                                            // none, exponential-delay
	setRestartFirst    = "restart-strategy.exponential-delay.initial-backoff"               // before the first restart
	setRestartMost     = "restart-strategy.exponential-delay.max-backoff"                   // before any
	setRestartFactor   = "restart-strategy.exponential-delay.backoff-multiplier"            // from one to the next
	setRestartReset    = "restart-strategy.exponential-delay.reset-backoff-threshold"       // of running after which all begins anew
	setRestartAttempts = "restart-strategy.exponential-delay.attempts-before-reset-backoff" // then it stays failed
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
	disk             int64 // 0: unlimited
	joinRows         int
	cpuShare         int64
	sinkRate         int64 // 0: unlimited
	explain          explainLevel
	restart          RestartStrategy
}

// bounds are what a server says of the settings of its queries.
type bounds struct {
	defaults map[string]string // what a query gets that does not say
	maxima   map[string]string // what none may go above
}

// amounts are the settings that Options.Maxima may bound.
var amounts = []string{setShards, setStepRows, setCPUShare, setOrderBuffer, setSinkBuffer, setSinkRate, setMatchRows, setMatchThreads,
	setSuppressed, setMemory, setDisk, setJoinRows, setRestartAttempts}

// validate says what is wrong with them.
func (b bounds) validate() error {
	for _, key := range slices.Sorted(maps.Keys(b.maxima)) {
		if !slices.Contains(amounts, key) {
			return fmt.Errorf("there is no limit of '%s': there is one of %s", key, strings.Join(amounts, ", "))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.defaults)) {
		if near, err := catalog.CheckSetting(key); err != nil {
			return fmt.Errorf("default: %w: did you mean '%s'?", err, near)
		}
	}
	_, err := parseSettings(b.defaults, b)
	return err
}

// parseSettings reads what concerns the engine and leaves the rest alone.
func parseSettings(set map[string]string, b bounds) (settings, error) {
	r := settingReader{set: set, bounds: b}
	s := settings{
		shards:           int(r.number(setShards, 1, 4096, 16)),
		stepRows:         int(r.number(setStepRows, 1, event.MaxRows, event.MaxRows)),
		cpuShare:         r.number(setCPUShare, 1, 10_000, 100),
		orderBufferBytes: r.number(setOrderBuffer, 1, 1<<50, 1<<30),
		sinkBufferBytes:  r.number(setSinkBuffer, 1, 1<<40, 16<<20),
		sinkRate:         r.number(setSinkRate, 0, 1<<40, 0),
		matchRows:        int(r.number(setMatchRows, 1, 1<<31-1, pattern.DefaultMaxRows)),
		matchThreads:     int(r.number(setMatchThreads, 1, 1<<40, pattern.DefaultMaxThreads)),
		matchPolicy:      pattern.LimitPolicy(r.word(setMatchPolicy, "fail", "drop-oldest", "reject-new")),
		ttl:              r.duration(setTTL, 0),
		suppressed:       int(r.number(setSuppressed, 1, 1<<31, suppress.DefaultMaxKeys)),
		memory:           r.bytes(setMemory, "auto"),
		disk:             r.bytes(setDisk, "unlimited"),
		joinRows:         int(r.number(setJoinRows, 1, 1<<40, join.DefaultMaxHeld)),
		policy:           policy(r.word(setErrorPolicy, "fail", "dead-letter", "skip")),
		restart:          r.restart(),
		explain:          explainLevel(r.word(setExplain, "none", "events", "conditions")),
	}
	r.word(setPhases, "AUTO", "ONE_PHASE", "TWO_PHASE")
	s.zone = r.zone(setTimeZone)
	if r.err == nil {
		r.err = checkEmit(set)
	}
	return s, r.err
}

// checkEmit checks when windows are shown.
func checkEmit(set map[string]string) error {
	for _, key := range []string{setEarly, setLate} {
		if text, ok := set[key]; ok && text != "true" && text != "false" {
			return fmt.Errorf("SET '%s': expected 'true' or 'false', found '%s'", key, text)
		}
	}
	for _, key := range []string{setEarlyDelay, setLateDelay, setLateness} {
		if text, ok := set[key]; ok {
			if _, err := duration.Parse(text); err != nil {
				return fmt.Errorf("SET '%s': %w", key, err)
			}
		}
	}
	if set[setLate] == "true" && set[setLateness] == "" {
		return fmt.Errorf("SET '%s': late rows are dropped without SET '%s' = '1 min'", setLate, setLateness)
	}
	return nil
}

// Options of a table that the engine reads, whatever the connector.
const (
	optIdleTimeout   = "scan.watermark.idle-timeout"
	optErrorPolicy   = "scan.error-policy"
	optDeadLetters   = "scan.dead-letter-table"
	optLateRows      = "scan.late-table"
	optAlignGroup    = "scan.watermark.alignment.group"
	optAlignDrift    = "scan.watermark.alignment.max-drift"
	optAlignInterval = "scan.watermark.alignment.update-interval"
	optReload        = "scan.reload-interval"
	optDelivery      = "sink.delivery-guarantee"
)

// TableOptions are those of all tables, which no connector has to know.
var TableOptions = []connectors.OptionSpec{
	{Name: optIdleTimeout, Default: "5 s", Doc: "A partition that gives nothing for so long is left out of the watermark."},
	{Name: optErrorPolicy, Values: []string{"fail", "skip", "dead-letter"}, Doc: "What becomes of records that cannot be used, and of rows that fail. Default: table.exec.error-policy."},
	{Name: optDeadLetters, Doc: "With error policy dead-letter: the table that such a record and the reason go to."},
	{Name: optLateRows, Doc: "Table that rows behind the watermark go to."},
	{Name: connectors.OptEvolution, Default: connectors.EvolutionIgnore, Check: checkEvolution, Doc: "What becomes of fields that are no column. ignore: they are passed over, and told of in the status. fail: their record is rejected, so that 'scan.error-policy' decides. add: a server gives the table columns for them."},
	{Name: optAlignGroup, Doc: "Tables of a query with the same group are aligned: one that is ahead of the others waits."},
	{Name: optAlignDrift, Doc: "How far ahead of its group a partition may be, such as 1 min."},
	{Name: optAlignInterval, Default: "0", Doc: "How often the others of the group are looked at; 0: in each step."},
}

var checkEvolution = connectors.CheckOneOf(connectors.EvolutionIgnore, connectors.EvolutionFail, connectors.EvolutionAdd)

var engineOptions = optionNames(TableOptions)

func optionNames(specs []connectors.OptionSpec) []string {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	return names
}

const defaultIdleTimeout = 5 * time.Second
