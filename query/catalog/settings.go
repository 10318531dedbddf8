package catalog

import (
	"fmt"

	"github.com/cepd/cepd/internal/diag"
)

// Setting is a key of SET and what it means.
type Setting struct{ Key, Default, Meaning string }

// Settings are all keys of SET; docs/language.md shows them.
var Settings = []Setting{
	{"cepd.shards", "16", "shards that divide the keys of a query"},
	{"cepd.step-rows", "4096", "rows of a partition that a step takes"},
	{"cepd.cpu-share", "100", "weight of the query among the queries of a server when they want more than the cores there are"},
	{"detections.explain", "none", "what detections carry beside their columns: none, the events they were made of, or also the values that the conditions read"},
	{"restart-strategy.type", "exponential-delay", "what a server does with the query when it has failed: exponential-delay starts it again, none does not"},
	{"restart-strategy.exponential-delay.initial-backoff", "1 s", "wait before the first restart"},
	{"restart-strategy.exponential-delay.max-backoff", "1 min", "longest wait before a restart"},
	{"restart-strategy.exponential-delay.backoff-multiplier", "2", "factor from one wait to the next"},
	{"restart-strategy.exponential-delay.reset-backoff-threshold", "10 min", "time of running after which earlier failures are forgotten"},
	{"restart-strategy.exponential-delay.attempts-before-reset-backoff", "10", "restarts, then the query stays failed"},
	{"rule.pack", "", "pack and version that the rule comes from; this and the four that follow are shown with the query and its detections"},
	{"rule.severity", "", "how severe a detection is, such as high"},
	{"rule.owner", "", "who answers for the rule"},
	{"rule.runbook", "", "URL that says what to do about a detection"},
	{"rule.tags", "", "tags of the rule, with commas between them"},
	{"sink.buffer-max-bytes", "16777216", "rows on their way to a sink, then reading stops"},
	{"sink.max-rows-per-second", "0", "rows that leave for each sink in a second; more wait, and then reading does; 0: no limit"},
	{"state.disk.budget", "unlimited", "what the query's state may take of the disk, such as '10 gb', then the query fails"},
	{"state.memory.budget", "auto", "memory of a query's state, such as '512 mb', above which keys that were not used for longest are in the data directory only; auto: a quarter of the memory there is"},
	{"state.max-partial-matches-per-key", "10000", "ways that a pattern follows at once for one key"},
	{"state.max-rows-per-key", "100000", "rows that a pattern keeps of one key"},
	{"state.limit-policy", "fail", "what happens to a key that is full: fail, drop-oldest, reject-new"},
	{"state.ttl", "0 s", "age at which a partial match is given up, time after which a pattern or OVER forgets a key without rows; 0: never"},
	{"state.max-suppressed-keys", "100000", "keys that SUPPRESS holds in a shard, then the oldest ends early"},
	{"state.max-join-rows", "10000000", "rows that a join holds in a shard"},
	{"state.order-buffer-max-bytes", "1073741824", "rows that wait for the watermark"},
	{"table.exec.emit.early-fire.enabled", "false", "whether results of windows are shown before their end, to be updated"},
	{"table.exec.emit.early-fire.delay", "0 s", "how long after a row an early result is shown, on the clock; 0: with each row"},
	{"table.exec.emit.late-fire.enabled", "false", "whether results that late rows change are shown after the delay below, instead of with each row"},
	{"table.exec.emit.late-fire.delay", "0 s", "how long after a late row a result is shown, on the clock; 0: with each row"},
	{"table.exec.emit.allow-lateness", "0 s", "how long after the end of a window, in event time, its rows still count"},
	{"table.exec.error-policy", "fail", "what happens to rows that fail: fail, dead-letter or skip"},
	{"table.optimizer.agg-phase-strategy", "AUTO", "TWO_PHASE aggregates windows per partition before it does by key, for skewed keys; ONE_PHASE and AUTO do not"},
	{"table.local-time-zone", "UTC", "time zone of the session"},
}

// CheckSetting says whether there is a setting of that key, and which is near
// when there is none.
func CheckSetting(key string) (near string, err error) {
	keys := make([]string, len(Settings))
	for i, s := range Settings {
		if keys[i] = s.Key; s.Key == key {
			return "", nil
		}
	}
	return diag.Nearest(key, keys), fmt.Errorf("there is no setting '%s'", key)
}
