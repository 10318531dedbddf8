package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/query/catalog"
)

func names(c *catalog.Catalog) (list []string) {
	for _, t := range c.Tables() {
		list = append(list, t.Name)
	}
	for _, v := range c.Views() {
		list = append(list, v.Name)
	}
	return list
}

func TestNamesWithoutRegardToCase(t *testing.T) {
	c := catalog.New()
	c.AddTable(&catalog.Table{Name: "Orders"})
	c.AddView(&catalog.View{Name: "recent"})
	for _, name := range []string{"orders", "ORDERS", "Recent"} {
		if !c.Has(name) {
			t.Errorf("%s is missing", name)
		}
	}
	if !c.Drop("ORDERS") || c.Drop("orders") {
		t.Error("DROP removes once")
	}
	if diff := cmp.Diff([]string{"recent"}, names(c)); diff != "" {
		t.Error(diff)
	}
}

func TestCloneIsApart(t *testing.T) {
	c := catalog.New()
	c.AddTable(&catalog.Table{Name: "b"})
	work := c.Clone()
	work.AddTable(&catalog.Table{Name: "a"})
	work.Settings["k"] = "v"
	if c.Has("a") || len(c.Settings) > 0 {
		t.Error("a change of the clone shows in the original")
	}
	c.Become(work)
	if diff := cmp.Diff([]string{"a", "b"}, names(c)); diff != "" || c.Settings["k"] != "v" {
		t.Error(diff)
	}
}

func TestColumnAndOption(t *testing.T) {
	table := &catalog.Table{Columns: []catalog.Column{{Name: "Id"}, {Name: "v"}}, Options: map[string]catalog.Option{"topic": {Value: "x"}}}
	if table.Column("ID") != 0 || table.Column("w") != -1 {
		t.Error("columns are found without regard to case")
	}
	if table.Option("topic", "y") != "x" || table.Option("format", "json") != "json" {
		t.Error("an option or its default")
	}
}
