package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cepd/cepd/examples/fraud"
	"github.com/cepd/cepd/internal/broker"
)

const (
	partitions   = 4
	paymentTopic = "payments"
	alertTopic   = "alerts"
	grace        = 10 * time.Second // for the last detections
)

// Options of a demonstration.
type Options struct {
	Duration time.Duration // 0: until the context ends
	Rate     int           // payments per second, on average
	Seed     uint64
	Screen   *Screen
	Submit   func(sql string) error // runs the example's text
	Stop     func() error           // stops what Submit started, with all its output delivered
}

// MaxRate is the highest rate.
const MaxRate = 500_000

// Validate says what is wrong with the options.
func (o *Options) Validate() error {
	switch {
	case o.Rate < 100 || o.Rate > MaxRate:
		return fmt.Errorf("the rate must be between 100 and %d payments a second", MaxRate)
	case o.Duration < 0:
		return errors.New("the duration must not be negative")
	}
	return nil
}

// show is a demonstration under way.
type show struct {
	*Options
	history *History
	feed    *Feed
	alerts  *Alerts
}

// Run plays the fraud demonstration to its end and gives the counts.
func Run(ctx context.Context, o Options) (Tally, error) {
	address, stopBroker, err := broker.Start([]string{paymentTopic, alertTopic}, partitions)
	if err != nil {
		return Tally{}, err
	}
	defer stopBroker()
	s, err := connect(&o, address)
	if err != nil {
		return Tally{}, err
	}
	defer s.feed.Close()
	defer s.alerts.Close()
	if err := o.Submit(fraud.SQLFor(address, paymentTopic, alertTopic)); err != nil {
		return Tally{}, err
	}
	return s.play(ctx)
}

func connect(o *Options, address string) (*show, error) {
	config := Paced(o.Seed, o.Rate)
	s := &show{Options: o, history: NewHistory(config.Cards, max(1<<18, 10*o.Rate))}
	var err error
	if s.feed, err = NewFeed(address, paymentTopic, partitions, NewWorld(config), s.history); err != nil {
		return nil, err
	}
	if s.alerts, err = NewAlerts(address, alertTopic, partitions); err != nil {
		s.feed.Close()
		return nil, err
	}
	return s, nil
}

func (s *show) play(ctx context.Context) (Tally, error) {
	if s.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Duration)
		defer cancel()
	}
	reading, stopReading := context.WithCancel(context.Background())
	defer stopReading()
	read := make(chan error, 1)
	go func() { read <- s.alerts.Follow(reading, s.judge) }()
	start := time.Now()
	err := s.feed.Play(ctx)
	took := time.Since(start)
	s.settle(read)
	stopReading()
	err = errors.Join(err, <-read, s.Stop())
	if err == nil {
		err = s.rest()
	}
	tally := s.history.Tally()
	s.Screen.Summary(tally, s.feed.Sent(), took)
	return tally, err
}

// settle waits until every planted fraud is found, or the grace is over.
func (s *show) settle(read chan error) {
	over := time.After(grace)
	look := time.NewTicker(tick)
	defer look.Stop()
	for s.history.Tally().Missed > 0 {
		select {
		case <-over:
			return
		case err := <-read:
			read <- err
			return
		case <-look.C:
		}
	}
}

// rest reads what Stop has still delivered.
func (s *show) rest() error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return s.alerts.Rest(ctx, s.judge)
}

func (s *show) judge(d Detection) {
	verdict, events, delay := s.history.Judge(d, time.Now())
	s.Screen.Detection(verdict, d, events, delay)
}
