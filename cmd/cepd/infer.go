package main

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query/format"
)

func newInfer(g *global) *cobra.Command {
	r := &inferCommand{global: g, options: pairs{}}
	c := &cobra.Command{
		Use: "infer [FILE]", Short: "Print the CREATE TABLE for a sample of records", Args: r.sample,
		Long: `infer reads the first records of a file, of a topic, or of whatever the options of
a table lead to, and prints the table that they are of: JSON with an object per
line or record, Debezium's changes, CSV, files also with .gz, and Parquet. The same
sample gives the same text. Look it over before you use it: which column is the
time, what may be NULL, and what a longer sample would show is not in it.

The records are read by a reader of its own, which commits no offsets, for at most
10 seconds. With --server it is the server that reads, where it may.`,
		Example: `  cepd infer payments.jsonl > payments.sql
  cepd infer days/2026-03-02.parquet --name days
  cepd infer --topic payments --bootstrap-servers broker:9092 --last
  cepd infer --name payments --option connector=nats --option servers=nats://localhost:4222 --option subject=payments`,
		RunE: func(c *cobra.Command, args []string) error { return r.run(c, args) },
	}
	c.Flags().StringVar(&r.name, "name", "", "name of the table (default: that of the file or topic)")
	c.Flags().IntVar(&r.records, "records", infer.DefaultRows, "records that are looked at, up to 100,000")
	c.Flags().BoolVar(&r.last, "last", false, "look at the last records of each partition, not the first")
	c.Flags().StringVar(&r.topic, "topic", "", "Kafka topic: short for --option connector=kafka --option topic=…")
	c.Flags().StringVar(&r.brokers, "bootstrap-servers", "localhost:9092", "its brokers: short for --option properties.bootstrap.servers=…")
	c.Flags().Var(r.options, "option", "option of the table, as in WITH; may be repeated")
	r.flags.add(c.Flags())
	return c
}

type inferCommand struct {
	*global
	flags          clientFlags
	options        pairs
	name           string
	topic, brokers string
	records        int
	last           bool
}

const maxInferred = 100_000

// sample demands one thing to look at.
func (r *inferCommand) sample(c *cobra.Command, args []string) error {
	if len(args) > 1 || len(args) == 0 && r.topic == "" && r.options["connector"] == "" {
		return usagef("%s needs one FILE, or --topic, or --option connector=…; see %s --help", c.CommandPath(), c.CommandPath())
	}
	return nil
}

func (r *inferCommand) run(c *cobra.Command, args []string) error {
	if r.records < 1 || r.records > maxInferred {
		return usagef("--records %d: from 1 to %d records", r.records, maxInferred)
	}
	q := r.request(args)
	if c.Flags().Changed("server") {
		return r.ask(c.Context(), &q)
	}
	return withSampler(func(s infer.Sampler) error {
		t, err := s.Infer(c.Context(), q)
		if err != nil {
			return err
		}
		text, err := format.Script(t.SQL())
		if err != nil {
			return err
		}
		r.print(text, t.Note())
		return nil
	})
}

func (r *inferCommand) request(args []string) infer.Request {
	q := infer.Request{Name: r.name, Options: maps.Clone(map[string]string(r.options)), Rows: r.records, Last: r.last}
	name := strings.ReplaceAll(r.topic, ".", "_")
	if r.topic != "" {
		q.Options["connector"], q.Options["topic"] = "kafka", r.topic
		if q.Options["properties.bootstrap.servers"] == "" {
			q.Options["properties.bootstrap.servers"] = r.brokers
		}
	}
	if len(args) == 1 {
		q.File, name = args[0], args[0]
	}
	if q.Name == "" {
		q.Name = infer.NameOf(name)
	}
	return q
}

// ask has the server look.
func (r *inferCommand) ask(ctx context.Context, q *infer.Request) error {
	cl, err := r.flags.client()
	if err != nil {
		return err
	}
	in := &api.InferRequest{Name: q.Name, Options: q.Options, File: q.File, Rows: q.Rows}
	if q.Last {
		in.From = "latest"
	}
	out, err := cl.Infer(ctx, in)
	if err != nil {
		return err
	}
	r.print(out.SQL, out.Note)
	return nil
}

func (r *inferCommand) print(text, note string) {
	if note != "" {
		fmt.Fprintln(r.std.err, "cepd: "+note)
	}
	fmt.Fprint(r.std.out, text)
}
