package connectors

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
)

// Asked is a Connector whose tables are not read but asked for the rows of a key,
// in joins FOR SYSTEM_TIME AS OF the processing time.
type Asked interface {
	// Looker makes what asks. It validates, but opens nothing. keys are the columns
	// of the record that a key gives; Table.Columns those that an answer gives.
	Looker(t Table, keys []Column) (Looker, error)
}

// Looker asks. Find may be called by several goroutines at once.
type Looker interface {
	Open(ctx context.Context) error
	// Batch is how many keys Find takes at most.
	Batch() int
	// Find calls add for each row of a key, with the number of the key in the batch.
	// The row is copied. A batch has the columns of the key. An error is of all keys:
	// with Permanent, it is no use to ask again.
	Find(ctx context.Context, keys *event.Batch, add func(key int, row []event.Value)) error
	Close() error
}

// PermanentError says that asking again gives the same.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap is the cause.
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent marks an error that asking again does not cure.
func Permanent(err error) error { return &PermanentError{err} }

// The options of a table that is asked, with Flink's names where it has them.
const (
	optCache        = "lookup.cache"
	optCacheRows    = "lookup.partial-cache.max-rows"
	optExpire       = "lookup.partial-cache.expire-after-write"
	optCacheMissing = "lookup.partial-cache.cache-missing-key"
	optRetries      = "lookup.max-retries"
	optDelay        = "lookup.retry.fixed-delay"
	optTimeout      = "lookup.timeout"
	optAsync        = "lookup.async"
	optInFlight     = "lookup.async.max-in-flight"
	optOnError      = "lookup.on-error"
)

// What a look-up does where the options say nothing.
const (
	defaultCacheRows = 10_000
	defaultRetries   = 3
	defaultDelay     = time.Second
	defaultTimeout   = 10 * time.Second
	defaultInFlight  = 16
)

// LookupSpecs are the options that all connectors of tables that are asked have.
func LookupSpecs() []OptionSpec {
	return []OptionSpec{
		{Name: optCache, Default: "NONE", Doc: "NONE, or PARTIAL: answers are kept.", Check: checkCache},
		{Name: optCacheRows, Default: strconv.Itoa(defaultCacheRows), Doc: "Rows that a shard keeps; the oldest go first.", Check: CheckInt(1, 10_000_000)},
		{Name: optExpire, Doc: "After which an answer is asked for anew. Default: never.", Check: checkDuration},
		{Name: optCacheMissing, Default: "true", Doc: "Whether it is kept that a key has no rows.", Values: Booleans},
		{Name: optRetries, Default: strconv.Itoa(defaultRetries), Doc: "How often it is asked again after an error.", Check: CheckInt(0, 1000)},
		{Name: optDelay, Default: "1 s", Doc: "Between an error and asking again.", Check: checkDuration},
		{Name: optTimeout, Default: "10 s", Doc: "After which a question has failed.", Check: checkDuration},
		{Name: optAsync, Default: "true", Doc: "Whether several questions are on their way at once. The order of rows is the same.", Values: Booleans},
		{Name: optInFlight, Default: strconv.Itoa(defaultInFlight), Doc: "How many, of a shard.", Check: CheckInt(1, 1024)},
		{Name: optOnError, Default: "fail", Doc: "When a key has no answer: fail the query, null (as if there were no rows), or reject (the row goes the way of 'scan.error-policy').", Values: []string{"fail", "null", "reject"}},
	}
}

func checkCache(value string) error {
	if value == "FULL" {
		return errors.New("'FULL' is a table that is read: take 'connector' = 'file' with 'scan.reload-interval'")
	}
	return CheckOneOf("NONE", "PARTIAL")(value)
}

func checkDuration(value string) error {
	_, err := duration.Parse(value)
	return err
}

// LookupOptions is how a table is asked.
type LookupOptions struct {
	CacheRows    int // 0: no cache
	Expire       time.Duration
	CacheMissing bool
	Retries      int
	Delay        time.Duration
	Timeout      time.Duration
	InFlight     int
	OnError      string // fail, null, reject
}

// ParseLookup reads the options, which have passed their checks.
func ParseLookup(options map[string]string) (LookupOptions, error) {
	t := Table{Options: options}
	o := LookupOptions{
		CacheMissing: options[optCacheMissing] != "false", Retries: int(t.Int(optRetries, defaultRetries)),
		InFlight: int(t.Int(optInFlight, defaultInFlight)), OnError: options[optOnError],
	}
	if options[optCache] == "PARTIAL" {
		o.CacheRows = int(t.Int(optCacheRows, defaultCacheRows))
	}
	if options[optAsync] == "false" {
		o.InFlight = 1
	}
	if o.OnError == "" {
		o.OnError = "fail"
	}
	for _, d := range []struct {
		key      string
		fallback time.Duration
		to       *time.Duration
	}{{optExpire, 0, &o.Expire}, {optDelay, defaultDelay, &o.Delay}, {optTimeout, defaultTimeout, &o.Timeout}} {
		*d.to = d.fallback
		if text := options[d.key]; text != "" {
			var err error
			if *d.to, err = duration.Parse(text); err != nil {
				return o, fmt.Errorf("option '%s': %w", d.key, err)
			}
		}
	}
	return o, nil
}
