package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/examples"
	"github.com/cepd/cepd/internal/demo"
	"github.com/cepd/cepd/internal/gallery"
)

// fraudDemo is the one that plays live, on a server with a page.
const fraudDemo = "fraud"

// demoCommand is the flags of cepd demo.
type demoCommand struct {
	*global
	live   demo.Options
	listen string
	all    bool
}

func newDemo(g *global) *cobra.Command {
	d := &demoCommand{global: g}
	c := &cobra.Command{
		Use: "demo [NAME]", Short: "See it work on made-up events", ValidArgsFunction: demoNames,
		Long: `demo plays an example; without a NAME it lists them. Its events are made up, with
things to be found planted among them, and others that only look alike. They go
through the statements of examples/NAME in this process, in virtual time. What is
found is shown, then counted: planted, found, missed, false alarms, precision and
recall of each rule. The exit code is 1 when a rule does worse than the example
says it does. With a / in it NAME is a folder of your own: FOLDER.sql and
scenario.yaml.

demo fraud plays live: card payments, ten minutes of their time in a second, through
a Kafka-protocol broker in this process, with the web page. Ctrl-C ends it and counts.`,
		Example: "  cepd demo\n  cepd demo takeover\n  cepd demo ./takeover\n  cepd demo fraud --duration 20s --rate 50000",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("demo plays one example at a time")
			}
			return nil
		},
		RunE: d.run,
	}
	c.Flags().Uint64Var(&d.live.Seed, "seed", 1, "the same seed gives the same events")
	c.Flags().BoolVar(&d.all, "all", false, "show every detection (not of fraud)")
	c.Flags().DurationVar(&d.live.Duration, "duration", 0, "end after this time (of fraud; default: at Ctrl-C)")
	c.Flags().IntVar(&d.live.Rate, "rate", 20_000, "payments per second, on average (of fraud)")
	c.Flags().StringVar(&d.listen, "listen", "127.0.0.1:8080", "address of the web page and API (of fraud); when it is taken, another port")
	return c
}

// demoNames is what there is to play, for completion.
func demoNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names := []string{fraudDemo}
	list, _ := gallery.List(examples.Files)
	for _, e := range list {
		names = append(names, e.Name+"\t"+e.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (d *demoCommand) run(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return d.list()
	}
	if args[0] != fraudDemo {
		return d.play(c.Context(), args[0], c.Flags())
	}
	if err := unused(c.Flags(), fraudDemo, "all"); err != nil {
		return err
	}
	if err := d.live.Validate(); err != nil {
		return usageError{err}
	}
	if !onThisMachine(d.listen) {
		return usagef("--listen %s: the demo has no login, so it is for this machine only: use 127.0.0.1:PORT", d.listen)
	}
	return runDemo(c.Context(), d.global, d.live, d.listen)
}

// unused refuses flags that the demo does not have.
func unused(flags *pflag.FlagSet, name string, others ...string) error {
	for _, f := range others {
		if flags.Changed(f) {
			return usagef("demo %s has no --%s", name, f)
		}
	}
	return nil
}

// list shows what there is to play, a line each.
func (d *demoCommand) list() error {
	list, err := gallery.List(examples.Files)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(d.std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\n", fraudDemo, "card testing, live: with the web page, at the rate you choose")
	for _, e := range list {
		fmt.Fprintf(w, "%s\t%s\n", e.Name, e.Title)
	}
	return w.Flush()
}

// findExample is an example of the gallery, or one in a folder of the user's.
func findExample(name string) (gallery.Example, error) {
	if strings.ContainsAny(name, "/\\.") {
		dir, err := filepath.Abs(name)
		if err != nil {
			return gallery.Example{}, err
		}
		return gallery.Load(os.DirFS(filepath.Dir(dir)), filepath.Base(dir))
	}
	list, err := gallery.List(examples.Files)
	if err != nil {
		return gallery.Example{}, err
	}
	i := slices.IndexFunc(list, func(e gallery.Example) bool { return e.Name == name })
	if i < 0 {
		return gallery.Example{}, usagef("there is no demo %q; cepd demo lists them", name)
	}
	return list[i], nil
}

// play plays an example in virtual time.
func (d *demoCommand) play(ctx context.Context, name string, flags *pflag.FlagSet) error {
	e, err := findExample(name)
	if err != nil {
		return err
	}
	if err := unused(flags, name, "duration", "rate", "listen"); err != nil {
		return err
	}
	screen := &gallery.Screen{Out: d.std.out, Colour: colour(d.std.out), Each: 3}
	if d.all {
		screen.Each = -1
	}
	o := gallery.Options{Saw: screen.Saw}
	if flags.Changed("seed") {
		o.Seed = d.live.Seed
	}
	fmt.Fprintf(d.std.err, "%s\n\n", e.Title)
	report, err := gallery.Play(ctx, e, o)
	if err != nil {
		return err
	}
	screen.Summary(report)
	if report.Short() {
		return silentError{fmt.Errorf("%s: a rule does worse than it should", name)}
	}
	return nil
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
