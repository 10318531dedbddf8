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
func fingerprint(root *plan.Insert, shards int) string {
	h := sha256.New()
	fmt.Fprintf(h, "shards %d\n", shards)
	hashValue(h, reflect.ValueOf(root))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func hashValue(h hash.Hash, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			fmt.Fprint(h, "nil;")
			return
		}
		if hashKnown(h, v.Interface()) {
			return
		}
		hashValue(h, v.Elem())
	case reflect.Struct:
		fmt.Fprintf(h, "%s{", v.Type())
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type != reflect.TypeFor[diag.Span]() {
				fmt.Fprintf(h, "%s:", f.Name)
				hashValue(h, v.Field(i))
			}
		}
		fmt.Fprint(h, "}")
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(h, "[%d:", v.Len())
		for i := range v.Len() {
			hashValue(h, v.Index(i))
		}
		fmt.Fprint(h, "]")
	case reflect.Func, reflect.Map, reflect.Chan:
		fmt.Fprint(h, "-;")
	default:
		fmt.Fprintf(h, "%#v;", v.Interface())
	}
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
