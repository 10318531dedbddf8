package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/cepd/cepd/api"
)

// pollEvery is how often a server is asked how far it is.
const pollEvery = 300 * time.Millisecond

// onServer has a server do the back-test; against is the name of a query there.
func (b *backtestCommand) onServer(ctx context.Context, names []string) error {
	if len(b.params) > 0 || len(b.settings) > 0 {
		return usagef("--against-param and --set do not go with --server: write them into the text, or submit the version before")
	}
	texts, err := readTexts(names, b.std)
	if err != nil {
		return err
	}
	in := api.BacktestRequest{Query: b.query, Params: b.bindings.params, Against: b.against, From: b.from, To: b.to,
		By: b.request.By, Label: b.request.Label, Amount: b.request.Amount, Limit: b.request.Limit}
	for _, t := range texts {
		in.SQL += t.sql + "\n"
	}
	var job api.Backtest
	if err := b.reach.call(ctx, http.MethodPost, "/v1/backtests", in, &job); err != nil {
		return err
	}
	path := "/v1/backtests/" + url.PathEscape(job.ID)
	if err := b.follow(ctx, path, &job); err != nil {
		return err
	}
	if job.Report == nil {
		return errors.New(job.Error)
	}
	if b.report != "" {
		return errors.Join(b.print(job.Report), b.fetchReport(ctx, path+"/report"))
	}
	return b.print(job.Report)
}

// follow asks until the back-test has ended. One that is given up is dropped.
func (b *backtestCommand) follow(ctx context.Context, path string, job *api.Backtest) error {
	terminal, ok := b.std.err.(interface{ Fd() uintptr })
	shown := ok && term.IsTerminal(int(terminal.Fd()))
	if shown {
		defer fmt.Fprint(b.std.err, "\r\x1b[K")
	}
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for job.State == api.BacktestQueued || job.State == api.BacktestRunning {
		select {
		case <-ctx.Done():
			leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer cancel()
			return errors.Join(ctx.Err(), b.reach.call(leave, http.MethodDelete, path, nil, nil))
		case <-t.C:
		}
		*job = api.Backtest{}
		if err := b.reach.call(ctx, http.MethodGet, path, nil, job); err != nil {
			return err
		}
		if shown && job.Progress != nil {
			fmt.Fprintf(b.std.err, "\r\x1b[K%s", bar(job.Progress))
		}
	}
	return nil
}

// fetchReport writes the server's page to the file.
func (b *backtestCommand) fetchReport(ctx context.Context, path string) error {
	var text strings.Builder
	if err := b.reach.call(ctx, http.MethodGet, path, nil, &text); err != nil {
		return err
	}
	return writeFile(b.report, func(w io.Writer) error {
		_, err := io.WriteString(w, text.String())
		return err
	})
}
