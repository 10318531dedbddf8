// Command flinkanswers asks Flink SQL the queries of internal/differential and
// records its answers. Java and Maven are needed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cepd/cepd/benchmarks/peers"
	"github.com/cepd/cepd/internal/differential"
)

func main() {
	seed := flag.Uint64("seed", 1, "of the queries that are made")
	only := flag.String("only", "", "ask only queries whose id begins so, and keep the other answers")
	out := flag.String("o", "internal/differential/testdata/answers.jsonl", "the file to write")
	flag.Parse()
	if err := record(context.Background(), *seed, *only, *out); err != nil {
		fmt.Fprintln(os.Stderr, "flinkanswers:", err)
		os.Exit(1)
	}
}

// record asks the queries and writes them with their answers.
func record(ctx context.Context, seed uint64, only, out string) error {
	if err := peers.Build(ctx); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "flinkanswers")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	queries := append(differential.Generate(seed), differential.Nexmark()...)
	var asked []any
	for _, q := range queries {
		if strings.HasPrefix(q.ID, only) {
			asked = append(asked, q)
		}
	}
	tables, err := write(dir)
	if err != nil {
		return err
	}
	paths := []string{filepath.Join(dir, "queries"), filepath.Join(dir, "tables"), filepath.Join(dir, "answers")}
	if err := errors.Join(lines(paths[0], asked), os.WriteFile(paths[1], []byte(strings.Join(tables, "\n")), 0o600)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "java", peers.Java("flink", "FlinkAnswers", paths...)...) //nolint:gosec // the arguments are ours
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	answers, err := read(paths[2], asked)
	if err != nil {
		return err
	}
	if only != "" {
		if answers, err = merge(out, answers); err != nil {
			return err
		}
	}
	return lines(out, answers)
}

// write puts the rows of the tables into files and gives the statements that
// read them in Flink.
func write(dir string) (statements []string, err error) {
	for _, t := range differential.Tables() {
		path := filepath.Join(dir, t.Name)
		if err := os.WriteFile(path, []byte(strings.Join(t.Rows, "\n")+"\n"), 0o600); err != nil {
			return nil, err
		}
		statements = append(statements, t.Create("'connector' = 'filesystem', 'path' = '"+path+"', 'format' = 'json'"))
	}
	return append(statements, differential.Views...), nil
}

// lines writes values as lines of JSON.
func lines(path string, values []any) error {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte(text.String()), 0o644) //nolint:gosec // to be read by all
}

// merge puts answers in the place of recorded ones to the same queries, or
// behind them.
func merge(path string, answers []any) ([]any, error) {
	old, err := differential.Answers(path)
	if err != nil {
		return nil, err
	}
	place := map[string]int{}
	all := make([]any, len(old))
	for i := range old {
		all[i], place[old[i].ID] = old[i], i
	}
	for _, a := range answers {
		if i, ok := place[a.(differential.Answer).ID]; ok {
			all[i] = a
		} else {
			all = append(all, a)
		}
	}
	return all, nil
}

// read puts queries and answers together.
func read(path string, queries []any) (answers []any, err error) {
	f, err := os.Open(path) //nolint:gosec // a file of ours
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 64<<20)
	for i := 0; in.Scan(); i++ {
		var a differential.Answer
		if err := json.Unmarshal(in.Bytes(), &a); err != nil {
			return nil, err
		}
		q, ok := queries[i].(differential.Query)
		if !ok || a.ID != q.ID {
			return nil, fmt.Errorf("answer %d is to %s", i, a.ID)
		}
		a.Query = q
		answers = append(answers, a)
	}
	return answers, in.Err()
}
