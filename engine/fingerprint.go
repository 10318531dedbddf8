package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/expr"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/query/plan"
)

// identity are the table options that say what data a table is; others, such as
// addresses and credentials, may change under a query that keeps its state.
var identity = []string{"connector", "topic", "path", "format"}

// fingerprint is a hash of what a query's state depends on: the plan without
// its places in the text, the tables it reads and writes, the number of shards.
// format is the state's: those before 4 were hashed with all fields of the plan,
// later ones without those that are zero, so that a plan may get new fields.
func fingerprint(root *plan.Insert, shards, format int) string {
	h := hasher{Hash: sha256.New(), all: format < 4, implied: format < 5}
	fmt.Fprintf(h, "shards %d\n", shards)
	h.value(reflect.ValueOf(root))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fingerprint is that of a query with these settings: what conditions read is kept
// where detections tell of it.
func (s *settings) fingerprint(root *plan.Insert, format int) string {
	sum := fingerprint(root, s.shards, format)
	if s.explain == explainConditions {
		sum += "+conditions"
	}
	return sum
}

// newFields are fields of plans that formats before 4 did not have.
var newFields = map[string]bool{
	"plan.Aggregate.Emit": true, "plan.Aggregate.Upsert": true, "plan.Join.NullAware": true, "plan.TopN.Last": true, "plan.TopN.Upsert": true,
}

// impliedFields are set in plans that formats before 5 had without them.
var impliedFields = map[string]bool{"plan.TopN.Numbered": true}

type hasher struct {
	hash.Hash
	all     bool // fields that are zero too
	implied bool // without impliedFields
}

func (h hasher) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			fmt.Fprint(h, "nil;")
			return
		}
		if hashKnown(h, v.Interface()) {
			return
		}
		h.value(v.Elem())
	case reflect.Struct:
		h.fields(v)
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(h, "[%d:", v.Len())
		for i := range v.Len() {
			h.value(v.Index(i))
		}
		fmt.Fprint(h, "]")
	case reflect.Func, reflect.Map, reflect.Chan:
		fmt.Fprint(h, "-;")
	default:
		fmt.Fprintf(h, "%#v;", v.Interface())
	}
}

func (h hasher) fields(v reflect.Value) {
	fmt.Fprintf(h, "%s{", v.Type())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case !f.IsExported() || f.Type == reflect.TypeFor[diag.Span]():
		case h.implied && impliedFields[v.Type().String()+"."+f.Name]:
		case v.Field(i).IsZero() && (!h.all || newFields[v.Type().String()+"."+f.Name]):
		default:
			fmt.Fprintf(h, "%s:", f.Name)
			h.value(v.Field(i))
		}
	}
	fmt.Fprint(h, "}")
}

// hashKnown hashes what is named rather than described.
func hashKnown(h hash.Hash, x any) bool {
	switch x := x.(type) {
	case *catalog.Table:
		hashTable(h, x)
	case *expr.Func:
		fmt.Fprintf(h, "function %s;", x.Name+x.Version)
	case *expr.AggFunc:
		fmt.Fprintf(h, "aggregate %s;", x.Name+x.Version)
	default:
		return false
	}
	return true
}

func hashTable(h hash.Hash, t *catalog.Table) {
	fmt.Fprintf(h, "table %s (", t.Name)
	for i := range t.Columns {
		c := &t.Columns[i]
		fmt.Fprintf(h, "%q %s %d %q;", c.Name, c.Type, c.Kind, c.Key)
	}
	for _, key := range identity {
		fmt.Fprintf(h, "%s=%q;", key, t.Option(key, ""))
	}
	fmt.Fprint(h, ")")
}
