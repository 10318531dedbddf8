package outbound

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/duration"
)

// The options that all sinks which call a service have.
const (
	optRetries    = "sink.max-retries"
	optInitial    = "sink.retry-strategy.exponential-delay.initial-backoff"
	optMax        = "sink.retry-strategy.exponential-delay.max-backoff"
	optMultiplier = "sink.retry-strategy.exponential-delay.backoff-multiplier"
	optTimeout    = "sink.requests.timeout"
	optInFlight   = "sink.requests.max-inflight"
	optRate       = "sink.requests.rate-limit"
	optFailures   = "sink.circuit-breaker.failures"
	optOpen       = "sink.circuit-breaker.open-duration"
)

// What holds where the options say nothing.
const (
	defaultRetries    = 10
	defaultInitial    = time.Second
	defaultMax        = time.Minute
	defaultMultiplier = 2
	defaultTimeout    = 30 * time.Second
	defaultInFlight   = 16
	defaultFailures   = 10
	defaultOpen       = 30 * time.Second
)

// Specs are the options.
func Specs() []connectors.OptionSpec {
	return append([]connectors.OptionSpec{
		{Name: optRetries, Default: strconv.Itoa(defaultRetries), Doc: "How often a call is repeated that was not taken. Then, or at once when the service says that it will never take it, 'sink.error-policy' decides.", Check: connectors.CheckInt(0, 1_000_000)},
		{Name: optInitial, Default: "1 s", Doc: "Longest pause before the first repetition. A pause is drawn from 0 to its longest (full jitter).", Check: checkPause},
		{Name: optMax, Default: "1 min", Doc: "Longest pause before any repetition.", Check: checkPause},
		{Name: optMultiplier, Default: "2", Doc: "By which the longest pause grows.", Check: checkMultiplier},
		{Name: optTimeout, Default: "30 s", Doc: "After which a call has failed.", Check: checkPause},
		{Name: optInFlight, Default: strconv.Itoa(defaultInFlight), Doc: "Calls that are made at once. Those of one PRIMARY KEY are made one after the other, in order.", Check: connectors.CheckInt(1, 1024)},
		{Name: optRate, Doc: "Calls per second, repetitions among them. Default: any.", Check: connectors.CheckInt(1, 1_000_000)},
		{Name: optFailures, Default: strconv.Itoa(defaultFailures), Doc: "Failures in a row after which the service is left alone; 0: never.", Check: connectors.CheckInt(0, 1_000_000)},
		{Name: optOpen, Default: "30 s", Doc: "For how long; then one call is tried.", Check: checkPause},
	}, append(connectors.RefusalSpecs(), linkSpecs()...)...)
}

func checkPause(value string) error {
	d, err := duration.Parse(value)
	if err == nil && (d < time.Millisecond || d > 24*time.Hour) {
		err = fmt.Errorf("expected 1 ms to 24 h, found '%s'", value)
	}
	return err
}

func checkMultiplier(value string) error {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || !(f >= 1 && f <= 100) {
		return fmt.Errorf("expected a number from 1 to 100, found '%s'", value)
	}
	return nil
}

// Options is how a service is called.
type Options struct {
	Retries    int
	Initial    time.Duration // longest pause before the first repetition
	Max        time.Duration // longest of all
	Multiplier float64
	Timeout    time.Duration
	InFlight   int
	Rate       int // calls per second; 0: any
	Failures   int // in a row, that open the circuit breaker; 0: none do
	Open       time.Duration
	Policy     connectors.RefusalPolicy
}

// Parse reads the options of a table, which have passed their checks.
func Parse(t connectors.Table) (Options, error) {
	o := Options{
		Retries: int(t.Int(optRetries, defaultRetries)), Multiplier: defaultMultiplier, InFlight: int(t.Int(optInFlight, defaultInFlight)),
		Rate: int(t.Int(optRate, 0)), Failures: int(t.Int(optFailures, defaultFailures)), Policy: connectors.ParseRefusalPolicy(t.Options),
	}
	if text := t.Options[optMultiplier]; text != "" {
		o.Multiplier, _ = strconv.ParseFloat(text, 64)
	}
	for _, d := range []struct {
		key      string
		fallback time.Duration
		to       *time.Duration
	}{{optInitial, defaultInitial, &o.Initial}, {optMax, defaultMax, &o.Max}, {optTimeout, defaultTimeout, &o.Timeout}, {optOpen, defaultOpen, &o.Open}} {
		*d.to = d.fallback
		if text := t.Options[d.key]; text != "" {
			var err error
			if *d.to, err = duration.Parse(text); err != nil {
				return o, connectors.OptionError{Key: d.key, Message: fmt.Sprintf("option '%s': %v", d.key, err)}
			}
		}
	}
	return o, nil
}

// longest is the longest pause before a repetition, the first being number 1.
func (o *Options) longest(number int) time.Duration {
	d := float64(o.Initial) * math.Pow(o.Multiplier, float64(number-1))
	return time.Duration(min(d, float64(o.Max)))
}
