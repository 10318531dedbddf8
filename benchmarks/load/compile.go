package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/parse"
	"github.com/cepd/cepd/query/plan"
)

// compiled is a query with the catalog it sees.
type compiled struct {
	root *plan.Insert
	cat  *catalog.Catalog
}

// compile compiles the text once for each set of parameters. The copies of a
// query are one statement set.
func (o *Options) compile() (list []compiled, err error) {
	copies := o.Copies
	if len(copies) == 0 {
		copies = []map[string]string{nil}
	}
	for i, params := range copies {
		queries, err := o.compileOne(params)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			list = queries
			continue
		}
		for k, q := range queries {
			q.root.Name = fmt.Sprintf("%s-%d", q.root.Name, i+1)
			list[k].root.Also = append(list[k].root.Also, q.root.All()...)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: there is no query to run", o.File)
	}
	return list, o.placeInput(list)
}

func (o *Options) compileOne(params map[string]string) (list []compiled, err error) {
	script, err := parse.Parse(o.File, o.Text)
	if err != nil {
		return nil, err
	}
	cat := catalog.New()
	maps.Copy(cat.Settings, o.Settings)
	r, err := query.Compile(cat, script, query.Options{File: o.File, Text: o.Text, Params: params,
		Bounded: func(*catalog.Table) bool { return true }})
	if err != nil {
		return nil, err
	}
	for i := range r.Queries {
		seen := *cat
		seen.Settings = r.Queries[i].Settings
		list = append(list, compiled{r.Queries[i].Insert, &seen})
	}
	return list, nil
}

// placeInput gives the recording without a name to the one table that is read,
// and checks that the named ones are read.
func (o *Options) placeInput(list []compiled) error {
	var tables []string
	for _, q := range list {
		for _, s := range q.scans() {
			if !slices.Contains(tables, s.Table.Name) {
				tables = append(tables, s.Table.Name)
			}
		}
	}
	for name, path := range o.Inputs {
		if name == "" && len(tables) == 1 {
			o.Inputs = map[string]string{tables[0]: path}
			return nil
		}
		known := func(t string) bool { return strings.EqualFold(t, name) }
		if !slices.ContainsFunc(tables, known) {
			return fmt.Errorf("the input %s needs the name of its table, as in TABLE=FILE: the queries read %s", path, strings.Join(tables, ", "))
		}
	}
	return nil
}

// scans are the tables that the query reads.
func (q *compiled) scans() (list []*plan.Scan) {
	for _, n := range q.root.All() {
		list = append(list, plan.Scans(n.Input)...)
	}
	return list
}
