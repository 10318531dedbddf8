package filesystem

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/cell"
	"github.com/cepd/cepd/internal/event"
)

// folderColumn is a column whose values are names of folders: a=1/b=x.
type folderColumn struct {
	name    string
	typ     event.Type
	notNull bool
	col     int // of the batch; -1: it is not read
}

// folderColumns are those of a table.
func folderColumns(t connectors.Table) (list []folderColumn, err error) {
	declared := t.Physical
	if len(declared) == 0 {
		declared = t.Columns
	}
	for _, name := range formats.FolderColumns(t.Options) {
		named := func(c connectors.Column) bool { return c.Name == name && c.Metadata == "" }
		i := slices.IndexFunc(declared, named)
		if i < 0 {
			return nil, connectors.OptionError{Key: optPartition, Message: fmt.Sprintf("option '%s': the table has no column '%s'", optPartition, name)}
		}
		if typ := declared[i].Type; !inPath(typ) {
			return nil, connectors.OptionError{Key: optPartition, Message: fmt.Sprintf("option '%s': column '%s' is %s, which is no name of a folder", optPartition, name, typ),
				Hint: "declare it as STRING, and cast it"}
		}
		list = append(list, folderColumn{name, declared[i].Type, declared[i].NotNull, slices.IndexFunc(t.Columns, named)})
	}
	return list, nil
}

// values are those of a file's folders.
type values struct {
	list  []event.Value // one for each folderColumn
	fault string        // ""; or why there are none
}

// valuesOf reads the folders of a file's name.
func (s *source) valuesOf(name string) values {
	if len(s.folders) == 0 {
		return values{}
	}
	found := map[string]string{}
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if key, value, ok := strings.Cut(part, "="); ok {
			found[unescape(key)] = value
		}
	}
	var v values
	for i := range s.folders {
		f := &s.folders[i]
		text, ok := found[f.name]
		if !ok {
			return values{fault: fmt.Sprintf("%s is not in a folder %s=…, as '%s' has it", s.files.full(name), f.name, optPartition)}
		}
		x, fault := f.parse(text)
		if fault != "" {
			return values{fault: fmt.Sprintf("%s: the folder %s=%s is %s", s.files.full(name), f.name, text, fault)}
		}
		v.list = append(v.list, x)
	}
	return v
}

// parse reads a folder's value.
func (f *folderColumn) parse(text string) (x event.Value, fault string) {
	if text == nullPartition {
		if f.notNull {
			return x, "NULL in a NOT NULL column"
		}
		return event.NullValue, ""
	}
	text = unescape(text)
	if f.typ.Kind == event.String {
		return event.StringValue(text), ""
	}
	v := event.NewVec(f.typ)
	v.Reset(1)
	if !cell.Set(&v, 0, []byte(text), cell.Style{}) {
		return x, "no " + f.typ.String()
	}
	return v.Value(0), ""
}

// unescape is the reverse of escape.
func unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, text[i])
	}
	return string(out)
}

// named is the file with a whole name, and its folders' values.
func (s *source) named(full string) (*object, values) {
	name := filepath.ToSlash(strings.TrimPrefix(full, s.files.full("")))
	name = strings.TrimLeft(name, "/")
	o, ok := s.list.find(name)
	if !ok {
		o = object{Name: name}
	}
	return &o, s.valuesOf(name)
}

// fill fills the columns that are not in a file: of its folders, and metadata.
func (s *source) fill(o *object, v *values, b *event.Batch) {
	for i := range s.folders {
		if f := &s.folders[i]; f.col >= 0 {
			x := event.NullValue
			if v.fault == "" {
				x = v.list[i]
			}
			constant(&b.Cols[f.col], b.N, x)
		}
	}
	for c := range s.table.Columns {
		if key := s.table.Columns[c].Metadata; key != "" {
			constant(&b.Cols[c], b.N, s.metadata(o, key))
		}
	}
}

func (s *source) metadata(o *object, key string) event.Value {
	switch key {
	case keyPath:
		return event.StringValue(s.files.full(o.Name))
	case keyName:
		return event.StringValue(path.Base(o.Name))
	case keySize:
		return event.IntValue(o.Size)
	}
	return event.IntValue(cell.Truncate(o.Modified, 3))
}

// constant gives n rows a value.
func constant(v *event.Vec, n int, x event.Value) {
	if n == 0 {
		return
	}
	v.Set(0, n, x)
	for i := 1; i < n; i++ {
		switch {
		case x.Null:
			v.Set(i, n, x)
		case v.Type.Physical() == event.PhysStr:
			v.Str[i] = v.Str[0]
		default:
			v.I64[i] = v.I64[0]
		}
	}
}
