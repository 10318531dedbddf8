package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cepd/cepd/connectors/kafka"
)

// txnFlags are the flags of the commands on transactions.
type txnFlags struct {
	bootstrap  string
	properties string
	output     string
}

func newTxn(g *global) *cobra.Command {
	f := &txnFlags{}
	c := &cobra.Command{
		Use: "txn", Short: "List, inspect and abort transactions of a Kafka cluster", Args: noArgs,
		Long: `txn looks at the transactions of a Kafka cluster. An open one keeps readers of
committed records waiting behind it. The broker ends it when its time-out has
passed; a process that was killed ends its own when it is started again. For
those that must not wait there is abort.`,
		Example: `  cepd txn list --bootstrap broker:9092 --state Ongoing
  cepd txn describe cepd-fraud-alerts --bootstrap broker:9092
  cepd txn describe --topic alerts --partition 0 --bootstrap broker:9092
  cepd txn abort cepd-fraud-alerts --bootstrap broker:9092 --properties client.properties`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&f.bootstrap, "bootstrap", "", "brokers to ask first: host:port, separated by commas")
	c.PersistentFlags().StringVar(&f.properties, "properties", "", "file of Kafka client properties, name=value, for security")
	c.PersistentFlags().StringVar(&f.output, "output", "text", "text, or json for programs")
	c.PersistentPreRunE = func(*cobra.Command, []string) error { return checkOutput(f.output) }
	c.AddCommand(newTxnList(g, f), newTxnDescribe(g, f), newTxnAbort(g, f), newTxnForget(g, f))
	return c
}

// admin connects to the cluster for the time of do.
func (f *txnFlags) admin(g *global, c *cobra.Command, do func(context.Context, *kafka.Admin) error) error {
	if f.bootstrap == "" {
		return usagef("--bootstrap is missing: the brokers to ask first, such as broker:9092")
	}
	options := map[string]string{"properties.bootstrap.servers": f.bootstrap}
	if f.properties != "" {
		if err := readProperties(f.properties, options); err != nil {
			return err
		}
	}
	log, err := g.logger()
	if err != nil {
		return err
	}
	a, err := kafka.NewAdmin(options, "", log)
	if err != nil {
		return usagef("%w", err)
	}
	defer a.Close()
	return do(c.Context(), a)
}

// readProperties reads lines of name=value as options 'properties.name'.
func readProperties(path string, options map[string]string) error {
	file, err := os.Open(path)
	if err != nil {
		return usagef("--properties: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return usagef("--properties: %s:%d: expected name=value", path, n)
		}
		options["properties."+strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return lines.Err()
}

func (f *txnFlags) print(g *global, v any, text func(io.Writer)) error {
	if f.output == "json" {
		return writeJSON(g.std.out, v)
	}
	text(g.std.out)
	return nil
}

func newTxnList(g *global, f *txnFlags) *cobra.Command {
	var state string
	c := &cobra.Command{
		Use: "list", Short: "List the transactional ids of the cluster", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.admin(g, c, func(ctx context.Context, a *kafka.Admin) error {
				list, err := a.List(ctx, state)
				if err != nil {
					return err
				}
				return f.print(g, list, func(w io.Writer) {
					var rows [][]string
					for _, t := range list {
						rows = append(rows, []string{t.ID, t.State, strconv.FormatInt(t.ProducerID, 10)})
					}
					table(w, []string{"id", "state", "producer"}, rows)
				})
			})
		},
	}
	c.Flags().StringVar(&state, "state", "", "only those in a state, such as Ongoing")
	return c
}

// partitionFlags name a partition in place of a transactional id.
type partitionFlags struct {
	topic     string
	partition int32
}

func (p *partitionFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&p.topic, "topic", "", "in place of an id: a topic")
	c.Flags().Int32Var(&p.partition, "partition", 0, "partition of the topic")
}

// one checks that there is either an id or a topic.
func (p *partitionFlags) one(_ *cobra.Command, args []string) error {
	if len(args) > 1 || (len(args) == 1) == (p.topic != "") {
		return usagef("expected a transactional id, or --topic and --partition")
	}
	return nil
}

func (p *partitionFlags) place() kafka.TopicPartition {
	return kafka.TopicPartition{Topic: p.topic, Partition: p.partition}
}

func newTxnDescribe(g *global, f *txnFlags) *cobra.Command {
	var p partitionFlags
	c := &cobra.Command{
		Use: "describe [ID]", Short: "Show a transactional id, or the producers of a partition",
		RunE: func(c *cobra.Command, args []string) error {
			return f.admin(g, c, func(ctx context.Context, a *kafka.Admin) error {
				if p.topic != "" {
					return f.describeWriters(ctx, g, a, p.place())
				}
				t, err := a.Describe(ctx, args[0])
				if err != nil {
					return err
				}
				return f.print(g, t, func(w io.Writer) { printTransaction(w, &t) })
			})
		},
	}
	p.add(c)
	c.Args = p.one
	return c
}

func printTransaction(w io.Writer, t *kafka.Transaction) {
	fmt.Fprintf(w, "%s: %s, producer %d, epoch %d, time-out %v, coordinator %d\n", t.ID, t.State, t.ProducerID, t.Epoch,
		time.Duration(t.TimeoutMillis)*time.Millisecond, t.Coordinator)
	if !t.Started.IsZero() {
		fmt.Fprintf(w, "open since %s, %v\n", t.Started.Format(time.RFC3339Nano), time.Since(t.Started).Round(time.Second))
	}
	for _, p := range t.Partitions {
		fmt.Fprintf(w, "  %s/%d\n", p.Topic, p.Partition)
	}
}

func (f *txnFlags) describeWriters(ctx context.Context, g *global, a *kafka.Admin, p kafka.TopicPartition) error {
	writers, err := a.Writers(ctx, p)
	if err != nil {
		return err
	}
	return f.print(g, writers, func(w io.Writer) {
		var rows [][]string
		for _, x := range writers {
			open := "-"
			if x.Open >= 0 {
				open = strconv.FormatInt(x.Open, 10)
			}
			rows = append(rows, []string{strconv.FormatInt(x.ProducerID, 10), strconv.Itoa(int(x.Epoch)), x.Last.Format(time.RFC3339), open})
		}
		table(w, []string{"producer", "epoch", "last write", "open since offset"}, rows)
	})
}

func newTxnAbort(g *global, f *txnFlags) *cobra.Command {
	var p partitionFlags
	var producer int64
	c := &cobra.Command{
		Use: "abort [ID]", Short: "Abort an open transaction",
		Long: `abort ends the open transaction of a transactional id. A query that runs with the
id delivers the rows again after some seconds. With --topic, --partition and
--producer it writes the end of a transaction that hangs into one partition:
one that no coordinator knows any more, so that it would never end.`,
		RunE: func(c *cobra.Command, args []string) error {
			return f.admin(g, c, func(ctx context.Context, a *kafka.Admin) error {
				if p.topic != "" {
					return a.AbortWriter(ctx, p.place(), producer)
				}
				return a.Abort(ctx, args[0])
			})
		},
	}
	p.add(c)
	c.Flags().Int64Var(&producer, "producer", -1, "with --topic: producer id of the transaction")
	c.Args = func(c *cobra.Command, args []string) error {
		if p.topic != "" && producer < 0 {
			return usagef("--producer is missing: see cepd txn describe --topic %s --partition %d", p.topic, p.partition)
		}
		return p.one(c, args)
	}
	return c
}

func newTxnForget(g *global, f *txnFlags) *cobra.Command {
	return &cobra.Command{
		Use: "forget ID", Short: "Forget how many rows were delivered under a transactional id",
		Long: `forget deletes the group in which a query that delivers exactly once keeps its
place. It is for a query that begins anew after its state was lost or deleted:
without it, the query is refused, because what it delivers may have been
delivered before. cepd query drop does it by itself.`,
		Args: one("transactional ID"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.admin(g, c, func(ctx context.Context, a *kafka.Admin) error { return a.Forget(ctx, args[0]) })
		},
	}
}
