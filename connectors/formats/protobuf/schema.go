package protobuf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/internal/access"
)

// The names of the formats.
const (
	Plain     = "protobuf"
	Confluent = "protobuf-confluent"
)

// Specs lists the options of a format.
func Specs(format string) []connectors.OptionSpec {
	specs := []connectors.OptionSpec{
		{Name: format + ".message-class-name", Doc: "Full name of the message; may be left out where the schema has one only."},
		{Name: format + ".schema", Doc: "Text of the .proto file that has the message; without any schema the columns make one."},
		{Name: format + ".schema-file", Doc: "The .proto file that has the message; what it imports is looked for beside it."},
		{Name: format + ".read-default-values", Default: "false", Values: connectors.Booleans, Doc: "Take the default for a field that has presence and is not in the record, instead of NULL."},
	}
	if format == Confluent {
		return append(specs, confluent.Specs(Confluent)...)
	}
	return append(specs, connectors.OptionSpec{Name: "protobuf.descriptor-file", Doc: "File with the descriptors, as protoc --descriptor_set_out --include_imports and buf build write it."})
}

// options are a table's.
type options struct {
	format  string
	get     func(string) string
	dir     string
	access  *access.Policy
	columns []connectors.Column // that make the schema, where the options have none
}

// optionsOf are those of a table whose records have these columns.
func optionsOf(format string, t connectors.Table, get func(string) string, columns []connectors.Column) *options {
	return &options{format, get, t.Dir, t.Access, columns}
}

func (o *options) option(name string) string { return o.get(o.format + "." + name) }

// path is that of a file that an option names.
func (o *options) path(name string) string {
	if p := o.option(name); p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(o.dir, o.option(name))
}

// source is the text of the schema that the options have, or the columns make.
func (o *options) source() (string, error) {
	text, file := o.option("schema"), o.path("schema-file")
	if text != "" && file != "" {
		return "", fmt.Errorf("options '%s.schema' and '%s.schema-file' exclude each other", o.format, o.format)
	}
	switch {
	case file == "" && text == "" && o.option("message-class-name") != "":
		return "", fmt.Errorf("option '%[1]s.message-class-name' goes with '%[1]s.schema' or '%[1]s.schema-file'", o.format)
	case file == "" && text == "":
		return derive(o.columns)
	case file == "":
		return text, nil
	}
	b, err := o.access.ReadFile(file)
	return string(b), err
}

// message is the descriptor that the options lead to.
func (o *options) message() (protoreflect.MessageDescriptor, error) {
	file, err := o.file()
	if err != nil {
		return nil, err
	}
	return choose(file, o.option("message-class-name"), o.format)
}

func (o *options) file() (protoreflect.FileDescriptor, error) {
	if set := o.path("descriptor-file"); set != "" {
		return readSet(o.access, set, o.option("message-class-name"))
	}
	text, err := o.source()
	if err != nil {
		return nil, err
	}
	return compile(text, func(path string) (string, error) {
		beside := filepath.Dir(o.path("schema-file"))
		if o.path("schema-file") == "" || !filepath.IsLocal(path) {
			return "", os.ErrNotExist
		}
		b, err := o.access.ReadFile(filepath.Join(beside, path))
		return string(b), err
	})
}

// mainFile is what the schema itself is called while it is compiled.
const mainFile = "schema.proto"

// compile compiles the text of a .proto file. imported gives the text of those
// that it imports; Google's own are known.
func compile(text string, imported func(path string) (string, error)) (protoreflect.FileDescriptor, error) {
	open := func(path string) (protocompile.SearchResult, error) {
		if path == mainFile {
			return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
		}
		source, err := imported(path)
		return protocompile.SearchResult{Source: strings.NewReader(source)}, err
	}
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(open))}
	files, err := c.Compile(context.Background(), mainFile)
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// readSet reads a FileDescriptorSet and finds the file that has the message.
func readSet(p *access.Policy, path, message string) (protoreflect.FileDescriptor, error) {
	b, err := p.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("%s is no set of descriptors: %w", path, err)
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if message == "" {
		return nil, errors.New("option 'protobuf.message-class-name' is missing")
	}
	d, err := files.FindDescriptorByName(protoreflect.FullName(message))
	if err != nil {
		return nil, fmt.Errorf("%s has no message %s", path, message)
	}
	return d.ParentFile(), nil
}

// choose finds a message by name; without one, the only one there is.
func choose(f protoreflect.FileDescriptor, name, format string) (protoreflect.MessageDescriptor, error) {
	all := f.Messages()
	if name == "" {
		if all.Len() != 1 {
			return nil, fmt.Errorf("option '%s.message-class-name' is missing; the schema has %d messages", format, all.Len())
		}
		return all.Get(0), nil
	}
	if m := find(all, protoreflect.FullName(name)); m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("the schema has no message %s", name)
}

func find(all protoreflect.MessageDescriptors, name protoreflect.FullName) protoreflect.MessageDescriptor {
	for i := range all.Len() {
		m := all.Get(i)
		if m.FullName() == name {
			return m
		}
		if inner := find(m.Messages(), name); inner != nil {
			return inner
		}
	}
	return nil
}
