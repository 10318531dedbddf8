package outbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/panics"
)

// maxWait is the longest that a service can ask to be left alone for at once.
const maxWait = time.Hour

// Send makes one attempt. It ends with ctx.
type Send func(ctx context.Context, c *Call) Answer

// Caller makes calls to one service.
type Caller struct {
	options Options
	send    Send
	limiter *rate.Limiter
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}] // nil: there is none
	quiet   atomic.Int64                               // until when nobody calls, ns since 1970

	stats
}

// New is a caller. log hears when the breaker changes.
func New(o Options, log *slog.Logger, send Send) *Caller {
	c := &Caller{options: o, send: send, limiter: rate.NewLimiter(rate.Inf, 1)}
	if o.Rate > 0 {
		c.limiter = rate.NewLimiter(rate.Limit(o.Rate), 1)
	}
	if o.Failures > 0 {
		c.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
			Timeout:     o.Open,
			ReadyToTrip: func(n gobreaker.Counts) bool { return int(n.ConsecutiveFailures) >= o.Failures },
			OnStateChange: func(_ string, from, to gobreaker.State) {
				log.Warn("circuit breaker of the sink", "from", from.String(), "to", to.String(), "error", c.lastError())
			},
		})
	}
	return c
}

// Deliver makes calls, several at a time, and returns when each has been taken or
// given up. An error leaves open which; they are to be made again.
func (c *Caller) Deliver(ctx context.Context, calls []*Call) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	list := lanes(calls)
	next := make(chan []*Call)
	var workers sync.WaitGroup
	for range min(c.options.InFlight, len(list)) {
		workers.Go(func() {
			for lane := range next {
				if err := panics.Call(func() error { return c.lane(ctx, lane) }); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, lane := range list {
		select {
		case next <- lane:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// lane makes calls one after the other.
func (c *Caller) lane(ctx context.Context, calls []*Call) error {
	for _, call := range calls {
		if err := c.deliver(ctx, call); err != nil {
			return err
		}
	}
	return nil
}

// deliver makes one call until it has been taken, or is given up.
func (c *Caller) deliver(ctx context.Context, call *Call) error {
	for attempt := 1; ; attempt++ {
		a, err := c.attempt(ctx, call)
		if err != nil {
			return err
		}
		if a.Verdict == Taken {
			return nil
		}
		if over := a.Verdict == Never || attempt > c.options.Retries; over && c.options.Policy != connectors.RefusalBlock {
			return c.giveUp(call, a, attempt)
		}
		if err := pause(ctx, jitter(c.options.longest(attempt))); err != nil {
			return err
		}
	}
}

// attempt makes a call once, when that is allowed.
func (c *Caller) attempt(ctx context.Context, call *Call) (*Answer, error) {
	done, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	began := time.Now()
	a := c.send(within, call)
	if ctx.Err() != nil && a.Verdict != Taken { // it was cut short, which says nothing
		done(nil)
		return nil, context.Cause(ctx)
	}
	c.note(call, &a, time.Since(began))
	if a.Wait > 0 {
		c.leaveAlone(time.Now().Add(min(a.Wait, maxWait)))
	}
	if a.Broken {
		done(errors.New(a.Reason))
	} else {
		done(nil)
	}
	return &a, nil
}

// enter waits for what the service has asked for, the rate and the breaker.
func (c *Caller) enter(ctx context.Context) (done func(error), err error) {
	for {
		for d := c.aloneFor(); d > 0; d = c.aloneFor() {
			if err := pause(ctx, d+jitter(c.options.Initial)); err != nil {
				return nil, err
			}
		}
		if c.limiter.Wait(ctx) != nil {
			return nil, context.Cause(ctx)
		}
		if c.breaker == nil {
			return func(error) {}, ctx.Err()
		}
		if done, err = c.breaker.Allow(); err == nil {
			return done, nil
		}
		if err := pause(ctx, jitter(c.options.Open)); err != nil {
			return nil, err
		}
	}
}

// leaveAlone has nobody call before t.
func (c *Caller) leaveAlone(t time.Time) {
	for {
		was := c.quiet.Load()
		if was >= t.UnixNano() || c.quiet.CompareAndSwap(was, t.UnixNano()) {
			return
		}
	}
}

func (c *Caller) aloneFor() time.Duration { return time.Until(time.Unix(0, c.quiet.Load())) }

// giveUp is what becomes of a call that is not made any more.
func (c *Caller) giveUp(call *Call, a *Answer, attempts int) error {
	if c.options.Policy == connectors.RefusalFail {
		return fmt.Errorf("the row %s cannot be delivered: %s, at attempt %d (see '%s')", call.ID().Hex(), a.Reason, attempts, connectors.OptRefusalPolicy)
	}
	c.refuse(call, a, attempts)
	return nil
}

// jitter is a pause of at most d: full jitter spreads those who failed together
// best (Brooker, Exponential Backoff And Jitter, AWS 2015).
func jitter(d time.Duration) time.Duration { return rand.N(d) + 1 }

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
