package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
	"github.com/cepd/cepd/state/intake"
)

// stopTimeout is how long an orderly stop may take; what has not left by then
// is kept for the next start, where there is a data directory.
const stopTimeout = 30 * time.Second

func newRun(g *global) *cobra.Command {
	r := &runCommand{global: g}
	c := &cobra.Command{
		Use: "run FILE...", Short: "Run statements in the foreground", Args: files,
		Long: `run carries out the statements of the files, in order; - is stdin. An INSERT runs
beside the others until its sources end; a SELECT on its own prints its rows as
JSON on stdout, and the statements after it wait for its end.

run ends when all sources have ended, or at SIGINT or SIGTERM: then the step at
hand is finished, outputs are delivered, and state is written. A second signal
ends it at once. With --data-dir it goes on where it was when it is started again,
also after a crash; without, it begins anew.`,
		Example: `  cepd run fraud.sql --data-dir state
  cepd run --param least=500 --set cepd.shards=8 big.sql
  echo "SELECT UPPER('it works') AS x" | cepd run -`,
		RunE: func(c *cobra.Command, args []string) error { return r.run(c.Context(), args) },
	}
	c.Flags().StringVar(&r.dataDir, "data-dir", "", "directory for state; made if it is not there")
	c.Flags().DurationVar(&r.commit, "commit-interval", 0, "at most so long between two synced writes of the journal, and between two transactions of an exactly-once sink (default 100ms)")
	c.Flags().StringVar(&r.saveTo, "savepoint", "", "directory that gets a savepoint of each query, QUERY.savepoint, at SIGINT or SIGTERM; needs --data-dir")
	c.Flags().StringVar(&r.restoreFrom, "from-savepoint", "", "savepoint, or directory of them, that queries go on from which have no state in --data-dir yet")
	sinksFlag(c, &r.sinks)
	outputFlag(c, &r.output)
	r.bindings = newBindings(c)
	return c
}

type runCommand struct {
	*global
	*bindings
	dataDir string
	commit  time.Duration
	output  string

	saveTo, restoreFrom, sinks string // savepoints

	engine  *engine.Engine
	running []*engine.Query
	mu      sync.Mutex // guards running: the progress line looks at it
}

// program is a file compiled, with the catalog that its queries see.
type program struct {
	text   text
	script *ast.Script
	cat    *catalog.Catalog
	result *query.Result
}

func (r *runCommand) run(ctx context.Context, names []string) error {
	if err := errors.Join(checkOutput(r.output), r.checkSavepoints()); err != nil {
		return err
	}
	log, err := r.logger()
	if err != nil {
		return err
	}
	texts, err := readTexts(names, r.std)
	if err != nil {
		return err
	}
	programs, err := r.compile(texts, r.std.err)
	if err != nil {
		return err
	}
	logs := intake.New(clock.Wall{})
	o := r.options(names, slog.New(foreground{log.Handler()}))
	o.Registry = all.New(all.Received(logs)...)
	if o.Spans, err = newTracer(tracesConfig{}, log); err != nil {
		return err
	}
	o.Adds = false // nothing keeps what a table gets
	if r.engine, err = engine.New(o); err != nil {
		return err
	}
	if err = logs.Open(r.engine.Store()); err == nil {
		err = r.play(ctx, programs)
	}
	if err == nil && ctx.Err() != nil && r.saveTo != "" {
		err = r.save()
	}
	logs.Close()
	stopping, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if closeErr := r.engine.Close(stopping); err == nil {
		err = closeErr // it tells of the query that failed too
	}
	o.Spans.Close(stopping)
	return err
}

func (r *runCommand) options(names []string, log *slog.Logger) engine.Options {
	o := engineOptions(log)
	o.DataDir, o.Stdout, o.Stdin = r.dataDir, r.std.out, r.std.in
	o.CommitInterval = r.commit
	for _, name := range names {
		if name == "-" {
			o.Stdin = nil // it was the text
		}
	}
	return o
}

// foreground leaves out that a query failed: run ends with the reason.
type foreground struct{ slog.Handler }

func (h foreground) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "query failed" {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h foreground) WithAttrs(attrs []slog.Attr) slog.Handler {
	return foreground{h.Handler.WithAttrs(attrs)}
}

func (h foreground) WithGroup(name string) slog.Handler { return foreground{h.Handler.WithGroup(name)} }

// engineOptions is an engine with every connector.
func engineOptions(log *slog.Logger) engine.Options {
	return engine.Options{Registry: all.New(), Adds: true, NewDecoder: formats.NewDecoder, Log: log, Version: version}
}

// compileTexts compiles files in order into one catalog; errors of several
// files come together, warnings go to w.
func compileTexts(cat *catalog.Catalog, texts []text, params map[string]string, w io.Writer) ([]program, error) {
	var list []program
	var errs []error
	for _, t := range texts {
		p, err := compileText(cat, t, params)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(p.result.Warnings.Items) > 0 {
			fmt.Fprintln(w, p.result.Warnings.Error())
		}
		list = append(list, p)
	}
	return list, joinText(errs)
}

func compileText(cat *catalog.Catalog, t text, params map[string]string) (program, error) {
	script, err := parse.Parse(t.name, t.sql)
	if err != nil {
		return program{}, err
	}
	result, err := query.Compile(cat, script, query.Options{File: t.name, Text: t.sql, Params: params, Sample: takeSample})
	return program{t, script, cat, result}, err
}

// joinText joins errors that are texts for a person, a line between them.
func joinText(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return textError{errors.Join(errs...)}
}

// textError is findings in texts: they are shown without "cepd:" before them.
type textError struct{ error }

func (e textError) Unwrap() error { return e.error }

// play starts the queries in order and waits for their end.
func (r *runCommand) play(ctx context.Context, programs []program) error {
	for _, p := range programs {
		if err := joinText(validateProgram(r.engine, p)); err != nil {
			return err
		}
	}
	stop := r.showProgress(ctx)
	defer stop()
	for _, p := range programs {
		if err := r.statements(ctx, p); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return r.wait(ctx)
}

// statements carries out a program: its queries, and the answers between them.
func (r *runCommand) statements(ctx context.Context, p program) error {
	actions := p.result.Actions
	for i := range p.result.Queries {
		for len(actions) > 0 && actions[0].Before <= i {
			if err := r.answer(&actions[0]); err != nil {
				return err
			}
			actions = actions[1:]
		}
		if err := r.start(ctx, p.cat, &p.result.Queries[i]); err != nil || ctx.Err() != nil {
			return err
		}
	}
	for i := range actions {
		if err := r.answer(&actions[i]); err != nil {
			return err
		}
	}
	return nil
}

// start starts a query; one that prints is waited for.
func (r *runCommand) start(ctx context.Context, cat *catalog.Catalog, q *query.Query) error {
	if err := r.restore(q); err != nil {
		return fmt.Errorf("query %s: %w", q.Name, err)
	}
	running, err := r.engine.Start(ctx, q.Insert, api.WithSettings(cat, q))
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("query %s: %w", q.Name, err)
	}
	if running == nil {
		return nil // interrupted while it was opened
	}
	r.mu.Lock()
	r.running = append(r.running, running)
	r.mu.Unlock()
	if !q.Print {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-running.Done():
		return running.Wait()
	}
}

// wait returns when all queries have ended, one has failed, or the context
// ends.
func (r *runCommand) wait(ctx context.Context) error {
	ended := make(chan error, len(r.running))
	for _, q := range r.running {
		go func() { ended <- q.Wait() }()
	}
	for range r.running {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// showProgress keeps a line on stderr while there is a terminal; the answer
// stops it.
func (r *runCommand) showProgress(ctx context.Context) (stop func()) {
	if !terminal(r.std.err) || terminal(r.std.out) {
		return func() {}
	}
	return keepLine(ctx, &progress{out: r.std.err, width: terminalWidth(r.std.err), look: r.statuses})
}

// keepLine shows p until the answer is called.
func keepLine(ctx context.Context, p *progress) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.show(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			return width
		}
	}
	return 80
}

func (r *runCommand) statuses() []engine.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]engine.Status, len(r.running))
	for i, q := range r.running {
		list[i] = q.Status()
	}
	return list
}
