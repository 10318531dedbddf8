package formats

import (
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
)

// Filesystem is the connector whose tables may have columns in the names of
// folders, and OptPartition the option that lists them.
const (
	Filesystem   = "filesystem"
	OptPartition = "partition-by"
)

// folder is the Metadata of a column that is the name of a folder: what a table's
// records do not have.
const folder = "a folder's name"

// FolderColumns are the columns in the names of folders.
func FolderColumns(options map[string]string) (list []string) {
	for name := range strings.SplitSeq(options[OptPartition], ",") {
		if name = strings.TrimSpace(name); name != "" {
			list = append(list, name)
		}
	}
	return list
}

// InFiles is a table as its files have it: without the columns of the folders'
// names.
func InFiles(t connectors.Table) connectors.Table {
	names := FolderColumns(t.Options)
	if len(names) == 0 {
		return t
	}
	t.Columns = slices.Clone(t.Columns)
	for i, c := range t.Columns {
		if c.Metadata == "" && slices.Contains(names, c.Name) {
			t.Columns[i].Metadata = folder
		}
	}
	t.Physical = slices.DeleteFunc(slices.Clone(t.Physical), func(c connectors.Column) bool { return slices.Contains(names, c.Name) })
	return t
}
