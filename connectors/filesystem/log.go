package filesystem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/cepd/cepd/connectors"
)

// entry is one of the log. Files are those that its transaction has made.
//
//	{"version":1,"owner":"6f1ab3c2d4e5f607","known":true,"state":1767225600000000,"rows":5000,"files":[…]}
type entry struct {
	Version int    `json:"version"`
	Owner   string `json:"owner"`
	Claim   bool   `json:"claim,omitempty"` // a process took over
	Known   bool   `json:"known"`           // there is a mark
	State   int64  `json:"state"`
	Rows    uint64 `json:"rows"`
	Files   []file `json:"files,omitempty"`
}

func (e *entry) mark() connectors.Mark { return connectors.Mark{State: e.State, Rows: e.Rows} }

const entryVersion = 1

const (
	logDir = "log"
	// keptEntries is how many entries before the last are kept, to be looked at.
	keptEntries = 8
	// keptClaims is how many claims are kept. The number of one must not become
	// free while the process that it fenced may still want to write under it.
	keptClaims = 1000
)

// journal is the log of a table's transactions, written by one process at a time:
//
//	… n-1: entry   n: claim of the next process   n+1: entry …
//
// A process that was fenced wants to write under the number of the claim that did
// it, finds that there, and so learns of it. What is older than the last entry is of
// no use but for that; claims are kept.
type journal struct {
	place place
	owner string
	last  int64   // number of the last entry; 0: none
	old   []int64 // entries that are no claims, ascending
}

func entryName(number int64) string { return fmt.Sprintf("%s/%012d", logDir, number) }

// read finds the last entry. The zero entry: there is none.
func (j *journal) read(ctx context.Context) (e entry, err error) {
	numbers, err := j.numbers(ctx)
	if err != nil || len(numbers) == 0 {
		return e, err
	}
	j.last, j.old = numbers[len(numbers)-1], nil
	for _, n := range numbers[max(0, len(numbers)-keptEntries-2):] {
		if e, err = j.entry(ctx, n); errors.Is(err, fs.ErrNotExist) && n != j.last {
			continue // another process removes what is old
		}
		if err != nil {
			return e, err
		}
		if !e.Claim {
			j.old = append(j.old, n)
		}
	}
	if len(numbers) > keptClaims {
		err = j.place.remove(ctx, entryName(numbers[0]))
	}
	return e, gone(err)
}

// gone takes what is not there any more as removed.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (j *journal) numbers(ctx context.Context) (numbers []int64, err error) {
	list, err := j.place.list(ctx, logDir)
	if err != nil {
		return nil, err
	}
	for _, name := range list {
		n, err := strconv.ParseInt(name, 10, 64)
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("%s/%s is no entry of cepd's log", logDir, name)
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers, nil
}

func (j *journal) entry(ctx context.Context, number int64) (e entry, err error) {
	text, err := j.place.get(ctx, entryName(number))
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("%s is damaged: %w", entryName(number), err)
	}
	if e.Version > entryVersion {
		return e, fmt.Errorf("%s was written by a newer cepd: use that one or a later one", entryName(number))
	}
	return e, nil
}

// put adds an entry behind the last; fs.ErrExist: another process has.
func (j *journal) put(ctx context.Context, e entry) error {
	e.Version, e.Owner = entryVersion, j.owner
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := j.place.putNew(ctx, entryName(j.last+1), text); err != nil {
		return err
	}
	if j.last++; !e.Claim {
		j.old = append(j.old, j.last)
	}
	return nil
}

// exclusive makes sure that the place does not write over an entry.
func (j *journal) exclusive(ctx context.Context) error {
	err := j.place.putNew(ctx, entryName(j.last), []byte("{}"))
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err == nil:
		return errors.New("it writes over what is there though it is told not to (If-None-Match), so that transactions are not safe in it: use 'sink.delivery-guarantee' = 'at-least-once' there")
	}
	return err
}

// prune removes entries that are no claims and have enough behind them.
func (j *journal) prune(ctx context.Context) error {
	for len(j.old) > keptEntries {
		if err := gone(j.place.remove(ctx, entryName(j.old[0]))); err != nil {
			return err
		}
		j.old = j.old[1:]
	}
	return nil
}
