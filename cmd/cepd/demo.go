package main

import (
	"cmp"
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
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/demo"
	"github.com/cepd/cepd/internal/gallery"
)

// fraudDemo is the one that is live unless it is told otherwise.
const fraudDemo = "fraud"

// demoCommand is the flags of cepd demo.
type demoCommand struct {
	*global
	live   demo.Options
	listen string
	all    bool
	serve  bool
	speed  float64
	dir    string // of the server; "": one that goes with it
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

With --serve it plays live: a server with the web page runs the statements, and the
events come through a Kafka-protocol broker in this process, so that one can look
at the page, ask why, and change a rule. Ctrl-C ends it and counts.

demo fraud is live in any case, with a world of its own: card payments, ten minutes
of their time in a second, at the rate you choose; --serve=false plays its scenario.`,
		Example: "  cepd demo\n  cepd demo takeover\n  cepd demo ./takeover\n  cepd demo security --serve --speed 60\n  cepd demo fraud --duration 20s --rate 50000",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("demo plays one example at a time")
			}
			return nil
		},
		RunE: d.run,
	}
	c.Flags().Uint64Var(&d.live.Seed, "seed", 1, "the same seed gives the same events")
	c.Flags().BoolVar(&d.all, "all", false, "show every detection (not of fraud, live)")
	c.Flags().BoolVar(&d.serve, "serve", false, "play live, on a server with the web page")
	c.Flags().Float64Var(&d.speed, "speed", 0, "seconds of the story in one second, with --serve (default: the story takes five minutes)")
	c.Flags().DurationVar(&d.live.Duration, "duration", 0, "end after this time, with --serve (default: at Ctrl-C)")
	c.Flags().IntVar(&d.live.Rate, "rate", 20_000, "payments per second, on average (of fraud, live)")
	c.Flags().StringVar(&d.dir, "data-dir", "", "new folder for the server, with --serve, that stays: with the files that the queries write (default: one that goes)")
	c.Flags().StringVar(&d.listen, "listen", "127.0.0.1:8080", "address of the web page and API, with --serve; when it is taken, another port")
	return c
}

// demoNames is what there is to play, for completion.
func demoNames(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
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
	flags := c.Flags()
	if args[0] == fraudDemo && (d.serve || !flags.Changed("serve")) {
		return d.fraud(c.Context(), flags)
	}
	if !d.serve {
		return d.play(c.Context(), args[0], flags)
	}
	if err := cmp.Or(unused(flags, args[0], "rate"), d.validate()); err != nil {
		return err
	}
	return d.playLive(c.Context(), args[0], flags)
}

// fraud runs the world of card payments.
func (d *demoCommand) fraud(ctx context.Context, flags *pflag.FlagSet) error {
	if err := cmp.Or(unused(flags, fraudDemo+" (live)", "all", "speed"), d.live.Validate(), d.validate()); err != nil {
		return usageError{err}
	}
	return runDemo(ctx, d.global, d.live, d.listen, d.dir)
}

// validate looks at the flags of a live play.
func (d *demoCommand) validate() error {
	switch {
	case d.live.Duration < 0:
		return usagef("the duration must not be negative")
	case d.speed < 0:
		return usagef("the speed must not be negative")
	case !onThisMachine(d.listen):
		return usagef("--listen %s: the demo has no login, so it is for this machine only: use 127.0.0.1:PORT", d.listen)
	}
	return nil
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
	if err := unused(flags, name, "rate"); err != nil {
		return err
	}
	if err := unused(flags, name, "duration", "listen", "speed", "data-dir"); err != nil {
		return fmt.Errorf("%w without --serve", err)
	}
	screen := d.screen(3)
	fmt.Fprintf(d.std.err, "%s\n\n", e.Title)
	report, err := gallery.Play(ctx, e, gallery.Options{Saw: screen.Saw, Seed: d.seed(flags)})
	if err != nil {
		return err
	}
	screen.Summary(report)
	if report.Short() {
		return silentError{fmt.Errorf("%s: a rule does worse than it should", name)}
	}
	return nil
}

// screen shows so many detections of each rule, or with --all all of them.
func (d *demoCommand) screen(each int) *gallery.Screen {
	if d.all {
		each = -1
	}
	return &gallery.Screen{Out: d.std.out, Colour: colour(d.std.out), Each: each}
}

// seed is that of the flags; 0: that of the scenario.
func (d *demoCommand) seed(flags *pflag.FlagSet) uint64 {
	if !flags.Changed("seed") {
		return 0
	}
	return d.live.Seed
}

// playLive plays an example on a server with the page.
func (d *demoCommand) playLive(ctx context.Context, name string, flags *pflag.FlagSet) error {
	e, err := findExample(name)
	if err != nil {
		return err
	}
	server, err := newDemoServer(ctx, d.global, d.listen, d.dir)
	if err != nil {
		return err
	}
	end := "Ctrl-C ends it"
	if d.live.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.live.Duration)
		defer cancel()
		end = "ends after " + d.live.Duration.String()
	}
	fmt.Fprintf(d.std.err, "%s\nStatus page and API: http://%s/   %s\n\n", e.Title, server.address, end)
	screen := d.screen(10)
	report, err := gallery.Live(ctx, server.service, e, gallery.LiveOptions{
		Options: gallery.Options{Saw: screen.Saw, Seed: d.seed(flags)},
		Clock:   clock.Wall{}, Speed: d.speed, Stop: server.close,
		Over: func() { fmt.Fprintln(d.std.err, "The story is over; the page stays.") },
	})
	if err = errors.Join(err, server.stop()); err != nil {
		return err
	}
	screen.Summary(report)
	return nil
}

// demoServer is a server on a folder that goes with it, or that the user names.
type demoServer struct {
	*server
	address net.Addr
	stop    func() error // stops it, in order
}

// newDemoServer listens at an address, or when it is taken at a free port.
func newDemoServer(ctx context.Context, g *global, listen, dir string) (*demoServer, error) {
	log, err := g.logger()
	if err != nil {
		return nil, err
	}
	dir, remove, err := demoFolder(dir)
	if err != nil {
		return nil, err
	}
	s, err := newServer(config{DataDir: dir}, log)
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	listener, err := listenNear(ctx, listen)
	if err != nil {
		return nil, errors.Join(err, s.close(), remove())
	}
	serving, stopServing := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.serve(serving, listener) }()
	return &demoServer{server: s, address: listener.Addr(), stop: func() error {
		stopServing()
		return errors.Join(<-served, s.close(), remove())
	}}, nil
}

// demoFolder makes the folder of a demo, and says how it goes. What is in a folder
// would go on with a broker that is gone, so it has to be empty.
func demoFolder(dir string) (_ string, remove func() error, err error) {
	if dir == "" {
		dir, err = os.MkdirTemp("", "cepd-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = usagef("--data-dir %s: there is something in it already; name a new folder", dir)
	}
	return dir, func() error { return nil }, err
}

func runDemo(ctx context.Context, g *global, o demo.Options, listen, dir string) error {
	s, err := newDemoServer(ctx, g, listen, dir)
	if err != nil {
		return err
	}
	o.Screen = &demo.Screen{Out: g.std.out, Colour: colour(g.std.out)}
	o.Submit = func(sql string) error {
		_, err := s.service.Submit(&api.Submission{File: "examples/fraud/fraud.sql", SQL: sql})
		return err
	}
	o.Stop = s.close
	welcome(g, &o, s.address)
	tally, err := demo.Run(ctx, o)
	if err = errors.Join(err, s.stop()); err != nil {
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
