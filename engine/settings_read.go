package engine

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cepd/cepd/internal/bytesize"
	"github.com/cepd/cepd/internal/duration"
)

// settingReader reads settings and keeps the first error.
type settingReader struct {
	set map[string]string
	bounds
	err error
}

// text is what the query says, or the server for it; told is false for the
// server's word.
func (r *settingReader) text(key string) (text string, told, ok bool) {
	if text, told = r.set[key]; told {
		return text, true, true
	}
	text, ok = r.defaults[key]
	return text, false, ok
}

func (r *settingReader) fail(key string, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("SET '%s': %w", key, fmt.Errorf(format, args...))
	}
}

// number reads a whole number; fallback 0 stands for no limit.
func (r *settingReader) number(key string, low, high, fallback int64) int64 {
	return r.bounded(key, fallback, func(text string) (int64, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < low || n > high {
			return fallback, fmt.Errorf("expected a number from %d to %d, found '%s'", low, high, text)
		}
		return n, nil
	})
}

// bytes reads a size; 0 stands for the word.
func (r *settingReader) bytes(key, word string) int64 {
	return r.bounded(key, 0, func(text string) (int64, error) {
		if text == word {
			return 0, nil
		}
		return bytesize.Parse(text)
	})
}

// bounded reads an amount that the server may bound. What a query asks for above
// that is refused; what it does not ask for is lowered.
func (r *settingReader) bounded(key string, fallback int64, parse func(string) (int64, error)) int64 {
	n, text, told := fallback, "", false
	if t, by, ok := r.text(key); ok {
		var err error
		if n, err = parse(t); err != nil {
			r.fail(key, "%w", err)
		}
		text, told = t, by
	}
	limit, ok := r.maxima[key]
	if !ok {
		return n
	}
	most, err := parse(limit)
	if err != nil {
		r.fail(key, "the server's limit: %w", err)
	}
	if most == 0 || n > 0 && n <= most {
		return n
	}
	if told && n > 0 {
		r.fail(key, "'%s' is above what this server allows, which is '%s'", text, limit)
	}
	return most
}

// word reads one of some words, the first of which is the default.
func (r *settingReader) word(key string, words ...string) int {
	text, _, ok := r.text(key)
	if !ok {
		return 0
	}
	i := slices.Index(words, text)
	if i < 0 {
		last := len(words) - 1
		r.fail(key, "expected '%s' or '%s', found '%s'", strings.Join(words[:last], "', '"), words[last], text)
	}
	return max(i, 0)
}

func (r *settingReader) duration(key string, fallback time.Duration) time.Duration {
	text, _, ok := r.text(key)
	if !ok {
		return fallback
	}
	d, err := duration.Parse(text)
	if err != nil {
		r.fail(key, "%w", err)
	}
	return d
}

func (r *settingReader) zone(key string) *time.Location {
	text, _, _ := r.text(key)
	if text == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(text)
	if err != nil {
		r.fail(key, "%w", err)
	}
	return zone
}

func (r *settingReader) factor(key string, fallback float64) float64 {
	text, _, ok := r.text(key)
	if !ok {
		return fallback
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 1 && x <= 100) {
		r.fail(key, "expected a number from 1 to 100, found '%s'", text)
	}
	return x
}

// RestartStrategy says whether and when a server starts a query again that has
// failed, as Flink's of the same name.
type RestartStrategy struct {
	None     bool
	First    time.Duration // before the first restart
	Most     time.Duration // before any
	Factor   float64       // from one to the next
	Reset    time.Duration // of running after which all begins anew
	Attempts int64         // restarts, then it stays failed
}

func (r *settingReader) restart() RestartStrategy {
	return RestartStrategy{
		None:     r.word(setRestart, "exponential-delay", "none") == 1,
		First:    r.duration(setRestartFirst, time.Second),
		Most:     r.duration(setRestartMost, time.Minute),
		Factor:   r.factor(setRestartFactor, 2),
		Reset:    r.duration(setRestartReset, 10*time.Minute),
		Attempts: r.number(setRestartAttempts, 1, math.MaxInt32, 10),
	}
}

// Backoff is how long to wait before a restart; n counts from 0.
func (s *RestartStrategy) Backoff(n int) time.Duration {
	d := float64(s.First) * math.Pow(s.Factor, float64(n))
	return time.Duration(min(d, float64(s.Most)))
}

// Restarts is the strategy of a query with these settings.
func (e *Engine) Restarts(set map[string]string) (RestartStrategy, error) {
	s, err := parseSettings(set, e.options.bounds())
	return s.restart, err
}
