// Command cepd finds patterns in streams of events: SQL with MATCH_RECOGNIZE
// over Kafka topics, files and other sources. See `cepd --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/cepd/cepd/engine"
)

// version is set by the linker.
var version = "devel"

func main() {
	engine.LimitMemory()
	ctx, stop := interruptible()
	code := execute(ctx, os.Args[1:], stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// interruptible ends the context at the first SIGINT or SIGTERM, for an orderly
// stop; a second one then has its usual effect and ends the process at once.
func interruptible() (context.Context, func()) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
