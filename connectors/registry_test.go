package connectors_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

// TestRegistry runs testdata/registry: options one per line as key=value, and
// what is wrong with them.
func TestRegistry(t *testing.T) {
	r := all.New()
	datadriven.RunTest(t, "testdata/registry", func(t *testing.T, td *datadriven.TestData) string {
		var errs []connectors.OptionError
		switch td.Cmd {
		case "names":
			return strings.Join(append(r.Names(), r.Formats()...), "\n")
		case "options":
			options := map[string]string{}
			for _, line := range strings.Split(td.Input, "\n") {
				k, v, _ := strings.Cut(line, "=")
				options[k] = v
			}
			_, errs = r.Validate(options, "cepd.on-reject", "scan.watermark.idle-timeout")
		case "metadata":
			errs = metadata(t, r, td)
		}
		var b strings.Builder
		for _, e := range errs {
			fmt.Fprintf(&b, "%s missing=%v: %v\n", e.Key, e.Missing, e)
		}
		return b.String()
	})
}

// metadata takes a connector and columns name:TYPE=key.
func metadata(t *testing.T, r *connectors.Registry, td *datadriven.TestData) []connectors.OptionError {
	c, ok := r.Lookup(td.CmdArgs[0].Key)
	if !ok {
		t.Fatal("no connector")
	}
	var columns []connectors.Column
	for _, a := range td.CmdArgs[1:] {
		if a.Key == "written" {
			continue
		}
		name, typ, _ := strings.Cut(a.Key, ":")
		columns = append(columns, connectors.Column{Name: name, Type: formattest.Type(t, typ), Metadata: a.Vals[0]})
	}
	return connectors.ValidateColumns(c, columns, td.HasArg("written"))
}

func TestEveryOptionIsDocumented(t *testing.T) {
	r := all.New()
	for _, name := range r.Names() {
		c, _ := r.Lookup(name)
		for _, o := range c.Options() {
			if o.Doc == "" {
				t.Errorf("%s: option %s", name, o.Name)
			}
			if o.Default != "" && o.Accepts(o.Default) != nil {
				t.Errorf("%s: default '%s' of %s is refused", name, o.Default, o.Name)
			}
		}
	}
}

func TestExtraReplaces(t *testing.T) {
	r := all.New(fake{})
	if c, _ := r.Lookup("file"); c != (fake{}) {
		t.Error(c)
	}
}

type fake struct{}

func (fake) Name() string                     { return "file" }
func (fake) Options() []connectors.OptionSpec { return nil }
func (fake) Metadata() []connectors.MetadataSpec {
	return []connectors.MetadataSpec{{Key: "x", Type: event.TInt64}}
}
func (fake) Source(connectors.Table) (connectors.Source, error) { return nil, connectors.ErrNotSource }
func (fake) Sink(connectors.Table) (connectors.Sink, error)     { return nil, connectors.ErrNotSink }
