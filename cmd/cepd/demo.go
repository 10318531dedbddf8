package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/internal/demo"
)

func newDemo(g *global) *cobra.Command {
	o := demo.Options{}
	var listen string
	c := &cobra.Command{
		Use: "demo [NAME]", Short: "See it work on made-up events", ValidArgs: []string{"fraud"},
		Long: `demo plays a demonstration; there is one, fraud. A made-up world of card payments,
its time ten minutes a second, goes through a Kafka-protocol broker in this
process. The query of examples/fraud looks for card testing: three or more small
payments, then a large one. Frauds are planted, and other things that look alike;
each detection is shown with the payments that made it.

Ctrl-C ends it and counts: planted, found, missed, false alarms, events/s. The exit
code is 1 when a fraud was missed or something else was reported.`,
		Example: "  cepd demo\n  cepd demo fraud --duration 20s --rate 50000",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] != "fraud" {
				return usagef("there is one demo, fraud")
			}
			return nil
		},
	}
	c.Flags().DurationVar(&o.Duration, "duration", 0, "end after this time (default: at Ctrl-C)")
	c.Flags().IntVar(&o.Rate, "rate", 20_000, "payments per second, on average")
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "the same seed gives the same payments")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address of the web page and API; when it is taken, another port")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := o.Validate(); err != nil {
			return usageError{err}
		}
		if !onThisMachine(listen) {
			return usagef("--listen %s: the demo has no login, so it is for this machine only: use 127.0.0.1:PORT", listen)
		}
		return runDemo(c.Context(), g, o, listen)
	}
	return c
}

func runDemo(ctx context.Context, g *global, o demo.Options, listen string) error {
	log, err := g.logger()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "cepd-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := newServer(config{DataDir: dir, own: true}, log)
	if err != nil {
		return err
	}
	listener, err := listenNear(ctx, listen)
	if err != nil {
		return errors.Join(err, s.close())
	}
	serving, stopServing := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.serve(serving, listener) }()

	o.Screen = &demo.Screen{Out: g.std.out, Colour: colour(g.std.out)}
	o.Submit = func(sql string) error {
		_, err := s.service.Submit(&api.Submission{File: "examples/fraud/fraud.sql", SQL: sql})
		return err
	}
	o.Stop = s.close
	welcome(g, &o, listener.Addr())
	tally, err := demo.Run(ctx, o)
	stopServing()
	if err = errors.Join(err, <-served, s.close()); err != nil {
		return err
	}
	if tally.Missed > 0 || tally.FalseAlarms > 0 {
		return silentError{fmt.Errorf("%d missed, %d false alarms", tally.Missed, tally.FalseAlarms)}
	}
	return nil
}

// listenNear listens at the address or, when it is taken, at a free port.
func listenNear(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		return l, nil
	}
	host, _, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		return nil, usagef("--listen %s: want host:port", address)
	}
	return config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
}

func welcome(g *global, o *demo.Options, address net.Addr) {
	end := "Ctrl-C ends it"
	if o.Duration > 0 {
		end = "ends after " + o.Duration.Round(time.Millisecond).String()
	}
	fmt.Fprintf(g.std.err, `cepd %s: card payments, about %d a second, ten minutes of their time in one of ours.
Looked for: three or more payments below 10, then one above 500 and above five times
their average, within ten minutes (examples/fraud/fraud.sql).
Status page and API: http://%s/   %s

`, version, o.Rate, address, end)
}
