package outbound

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/duration"
)

// The options of messages to people.
const (
	optMessages = "digest.messages"
	optInterval = "digest.interval"
	optListed   = "digest.max-rows"
)

const (
	defaultMessages = 10
	defaultInterval = time.Minute
	defaultListed   = 50
)

// DigestSpecs are the options of sinks whose messages people read.
func DigestSpecs() []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: optMessages, Default: strconv.Itoa(defaultMessages), Doc: "Messages that may leave within digest.interval. What comes beyond them waits for its turn, and then leaves as one.", Check: connectors.CheckInt(1, 100_000)},
		{Name: optInterval, Default: "1 min", Doc: "See digest.messages.", Check: checkPause},
		{Name: optListed, Default: strconv.Itoa(defaultListed), Doc: "Rows that are written out in a message of several; the others are counted in it.", Check: connectors.CheckInt(1, 1000)},
	}
}

// Digest sends rows as messages to people: each as one of its own while there are few,
// and what has gathered as one when there are many, so that a storm of detections is no
// storm of messages.
type Digest struct {
	caller  *Caller
	limiter *rate.Limiter
	listed  int
	make    func(m Message) *Call
	waiting []Message
}

// Message is what people get.
type Message struct {
	Rows          []Row
	Subject, Text string
}

// NewDigest makes messages to calls of a caller.
func NewDigest(t connectors.Table, c *Caller, call func(m Message) *Call) *Digest {
	n, every := int(t.Int(optMessages, defaultMessages)), defaultInterval
	if text := t.Options[optInterval]; text != "" {
		every, _ = duration.Parse(text) // it has been checked
	}
	return &Digest{caller: c, limiter: rate.NewLimiter(rate.Every(every/time.Duration(n)), n), listed: int(t.Int(optListed, defaultListed)), make: call}
}

// Add has a message wait for Flush.
func (d *Digest) Add(m Message) { d.waiting = append(d.waiting, m) }

// Flush sends what waits, in order.
func (d *Digest) Flush(ctx context.Context) error {
	for len(d.waiting) > 0 {
		n := 1
		if !d.limiter.Allow() {
			if d.limiter.Wait(ctx) != nil {
				return context.Cause(ctx)
			}
			n = len(d.waiting)
		}
		if err := d.caller.Deliver(ctx, []*Call{d.make(d.merge(d.waiting[:n]))}); err != nil {
			return err
		}
		clear(d.waiting[:n])
		d.waiting = d.waiting[n:]
	}
	d.waiting = nil
	return nil
}

// merge is several messages as one.
func (d *Digest) merge(list []Message) Message {
	if len(list) == 1 {
		return list[0]
	}
	m := Message{Subject: fmt.Sprintf("%s (and %d more)", list[0].Subject, len(list)-1)}
	var texts []string
	for i, x := range list {
		m.Rows = append(m.Rows, x.Rows...)
		if i < d.listed {
			texts = append(texts, x.Text)
		}
	}
	if more := len(list) - len(texts); more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	m.Text = strings.Join(texts, "\n")
	return m
}
