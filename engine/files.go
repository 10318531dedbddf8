package engine

import (
	"slices"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/operators/build"
	"github.com/cepd/cepd/operators/kernel"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// ToldByFiles says of which columns all rows of a file have one value, that is known
// before it is opened: names of folders, and what is told of files.
func ToldByFiles(t *catalog.Table, c plan.ReadColumn) bool {
	if t.Option("connector", "") != formats.Filesystem {
		return false
	}
	return c.Metadata != "" || slices.Contains(formats.FolderColumns(optionTexts(t)), c.Name)
}

// Pruning is what becomes of the files of a source of which no branch takes a row.
type Pruning uint8

// The ways.
const (
	ReadAll  Pruning = iota // they are read
	ReadTime                // of columns, those that the watermark takes are read; records are read
	ReadNone                // they are not opened
)

// PruningOf is that of a source.
func PruningOf(s *build.Source) Pruning {
	if s.Files == nil {
		return ReadAll
	}
	switch mode := s.Scan.Table.Option(connectors.OptPruning, connectors.PruneAuto); {
	case mode == connectors.PruneNever:
		return ReadAll
	case s.Files.Marks && mode != connectors.PruneAlways:
		return ReadTime
	}
	return ReadNone
}

// prune tells the connector of a table of files which of them are wanted.
func (b *opener) prune(s *source, t *connectors.Table) error {
	how := PruningOf(s.plan)
	if how == ReadAll {
		return nil
	}
	filter, err := kernel.CompileFilter(s.plan.Files.Cond)
	if err != nil {
		return err
	}
	f := &fileFilter{filter: filter, k: kernel.Context{Zone: b.p.settings.zone}}
	t.Wanted = f.wanted
	if how == ReadTime {
		t.Needs = s.plan.Files.Needs
	}
	return nil
}

// fileFilter is the condition that files have to meet. The partitions of a table are
// read at the same time.
type fileFilter struct {
	mu     sync.Mutex
	filter *kernel.Filter
	k      kernel.Context
	sel    []int32
}

// wanted says whether the row of b may be taken, or rejected.
func (f *fileFilter) wanted(b *event.Batch) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.k.Reset()
	f.sel = f.filter.Select(&f.k, b, nil, f.sel)
	return len(f.sel) > 0 || len(f.k.Errs) > 0
}

// files is nil where the unit does not read many files.
func (u *unit) files() *FilesStatus {
	r, ok := u.reader.(connectors.Filed)
	if !ok {
		return nil
	}
	f := FilesStatus(r.Files())
	return &f
}
