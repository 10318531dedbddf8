package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"reflect"

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
	h := sha256.New()
	fmt.Fprintf(h, "shards %d\n", shards)
	d := plan.Describer{Writer: h, Left: leftOut(format), Named: func(v any) bool { return hashKnown(h, v) }}
	d.Describe(root)
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

// leftOut says which fields the hash of a format is without.
func leftOut(format int) func(name string, t reflect.Type, v reflect.Value) bool {
	return func(name string, _ reflect.Type, v reflect.Value) bool {
		return format < 5 && impliedFields[name] || v.IsZero() && (format >= 4 || newFields[name])
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
