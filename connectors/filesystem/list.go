package filesystem

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/state/intake"
)

// maxFiles is how many files a table may have had.
const maxFiles = 1 << 20

// list is the files of a table in the order in which they were found: an index of it
// is a part of each offset, so it only grows. Where queries keep their state on disk
// it is in the log of the table, before anything of a file is read.
type list struct {
	log *intake.Log // nil: in memory only

	looking sync.Mutex        // a listing is under way
	fresh   map[string]object // of the last listing: files that may still be written

	mu    sync.Mutex
	files []object
	known map[string]int
	told  map[string]bool // files whose change was told
	looks int             // listings
	last  time.Time       // the end of the last
}

// head is the first record of the log: what the list is of.
type head struct {
	Version    int    `json:"version"`
	Path       string `json:"path"`
	Partitions int64  `json:"partitions"`
}

const listVersion = 1

// keeper is the name under which a log is kept as a whole.
const keeper = "the list of files"

// load reads the log, or begins it.
func (l *list) load(ctx context.Context, want head) error {
	want.Version = listVersion
	first := true
	err := l.log.Blocks(0, func(b *intake.Block) error {
		for i := range b.Records {
			if first {
				first = false
				if err := want.check(b.Records[i].Value); err != nil {
					return err
				}
				continue
			}
			var o object
			if err := json.Unmarshal(b.Records[i].Value, &o); err != nil {
				return fmt.Errorf("the list of files is damaged: %w", err)
			}
			l.take(o)
		}
		return nil
	})
	if err != nil || !first {
		return err
	}
	if err := l.log.Keep(keeper, 0); err != nil {
		return err
	}
	text, err := json.Marshal(want)
	if err == nil {
		_, err = l.log.Append(ctx, &intake.Post{Records: []intake.Record{{Value: text}}})
	}
	return err
}

// check refuses the list of another table.
func (h *head) check(text []byte) error {
	var was head
	switch err := json.Unmarshal(text, &was); {
	case err != nil:
		return fmt.Errorf("the list of files is damaged: %w", err)
	case was.Version > listVersion:
		return errors.New("the list of files was written by a newer cepd: use that one or a later one")
	case was.Path != h.Path:
		return connectors.OptionError{Key: optPath, Message: fmt.Sprintf("option '%s': the table was read from '%s' before, and not from '%s'", optPath, was.Path, h.Path),
			Hint: "give the table another name, or drop it and the queries that read it"}
	case was.Partitions != h.Partitions:
		return connectors.OptionError{Key: optParallelism, Message: fmt.Sprintf("option '%s': the table was read in %d partitions before, and not in %d", optParallelism, was.Partitions, h.Partitions),
			Hint: "give the table another name, or drop it and the queries that read it"}
	}
	return nil
}

func (l *list) take(o object) {
	l.known[o.Name] = len(l.files)
	l.files = append(l.files, o)
}

// at is a file by its index.
func (l *list) at(i int64) (o *object, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i >= int64(len(l.files)) {
		return nil, false
	}
	x := l.files[i]
	return &x, true
}

// find is a file by its name.
func (l *list) find(name string) (o object, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := l.known[name]
	if ok {
		o = l.files[i]
	}
	return o, ok
}

func (l *list) len() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.files))
}

// look lists the files and adds those that are new. A listing that is younger than
// age will do.
func (l *list) look(ctx context.Context, s *source, age time.Duration) error {
	l.looking.Lock()
	defer l.looking.Unlock()
	if l.looks > 0 && time.Since(l.last) < age {
		return nil
	}
	found, fresh, twice := []object(nil), map[string]object{}, map[string]bool{}
	began := time.Now()
	err := s.files.list(ctx, matching(s.files, s.pattern, func(o object) error {
		if known, ok := l.find(o.Name); ok {
			l.compare(s, &known, &o)
			return nil
		}
		if s.growing(&o, began) {
			before, seen := l.fresh[o.Name]
			if fresh[o.Name] = o; !seen || !before.same(&o) {
				return nil
			}
		}
		if twice[o.Name] { // a store that does not keep to what it says
			return nil
		}
		twice[o.Name] = true
		if found = append(found, o); l.len()+int64(len(found)) > maxFiles {
			return fmt.Errorf("%w: a table has at most %d", errTooMany, maxFiles)
		}
		return nil
	}))
	if err != nil {
		return err
	}
	s.sort(found)
	if err := l.add(ctx, found); err != nil {
		return err
	}
	l.fresh, l.last = fresh, time.Now()
	l.looks++
	return nil
}

var errTooMany = errors.New("there are too many files")

// compare tells, once, of a file that is another one than was listed.
func (l *list) compare(s *source, was, now *object) {
	if was.same(now) {
		return
	}
	l.mu.Lock()
	told := l.told[was.Name]
	l.told[was.Name] = true
	l.mu.Unlock()
	if !told {
		s.log.Warn("a file has changed since it was listed: what was read of it is not read again", "file", s.files.full(was.Name))
	}
}

// sort orders files that are found together.
func (s *source) sort(found []object) {
	slices.SortFunc(found, func(a, b object) int {
		if s.byTime {
			if c := cmp.Compare(a.Modified, b.Modified); c != 0 {
				return c
			}
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// postBytes is how much of the list is kept with one post.
const postBytes = intake.MaxPostBytes / 2

// add keeps files, then shows them.
func (l *list) add(ctx context.Context, found []object) error {
	for len(found) > 0 {
		n, size := 0, 0
		var records []intake.Record
		for ; n < len(found) && n < intake.MaxRecords && size < postBytes && l.log != nil; n++ {
			text, err := json.Marshal(found[n])
			if err != nil {
				return err
			}
			records, size = append(records, intake.Record{Value: text}), size+len(text)
		}
		if l.log == nil {
			n = len(found)
		} else if _, err := l.log.Append(ctx, &intake.Post{Records: records}); err != nil {
			return fmt.Errorf("keep the list of files: %w", err)
		}
		l.mu.Lock()
		for _, o := range found[:n] {
			l.take(o)
		}
		l.mu.Unlock()
		found = found[n:]
	}
	return nil
}

// lists are the lists of tables that are being read by queries with state on disk.
type lists struct {
	mu   sync.Mutex
	logs *intake.Logs // nil: none
	open map[string]*shared
}

type shared struct {
	*list
	readers int
}

func newList(log *intake.Log) *list {
	return &list{log: log, known: map[string]int{}, told: map[string]bool{}}
}

// join is the list of a table, which leave lets go of.
func (x *lists) join(ctx context.Context, t *connectors.Table, h head) (*list, error) {
	if !t.Durable {
		return newList(nil), nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.logs == nil || !x.logs.Durable() {
		return nil, errors.New("the order of the files is kept in memory here, and the query keeps its state on disk: it could not read again what it has read")
	}
	name := strings.ToLower(t.Name)
	s := x.open[name]
	if s == nil {
		log, err := x.logs.Log(t.Name)
		if err != nil {
			return nil, err
		}
		s = &shared{list: newList(log)}
		if err := s.load(ctx, h); err != nil {
			return nil, err
		}
		x.open[name] = s
	}
	s.readers++
	return s.list, nil
}

func (x *lists) leave(t *connectors.Table) {
	x.mu.Lock()
	defer x.mu.Unlock()
	name := strings.ToLower(t.Name)
	if s := x.open[name]; s != nil && t.Durable {
		if s.readers--; s.readers == 0 {
			delete(x.open, name)
		}
	}
}
