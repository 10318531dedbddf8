package stock

import (
	"fmt"
	"testing"

	"github.com/cepd/cepd/internal/conformance"
	"github.com/cepd/cepd/internal/reference"
)

const data = "../../../testdata/stock/stock.csv.gz"

// TestStock compares every query over the whole stream with the naive matcher.
func TestStock(t *testing.T) {
	limit := 0
	if testing.Short() {
		limit = 20_000
	}
	if small {
		limit = 5_000
	}
	trades, err := Load(data, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range Queries {
		t.Run(q.Name, func(t *testing.T) {
			c := Case(q, trades)
			want := naive(t, c)
			for _, d := range []conformance.Direct{{}, {Batch: 1000, Progress: true}, {Batch: 37, Progress: true, Restore: 2000}} {
				got, err := d.Run(c)
				if err != nil {
					t.Fatal(err)
				}
				if difference := conformance.Compare(c, want, got); difference != "" {
					t.Errorf("%+v: %s", d, difference)
				}
			}
			t.Logf("%d rows", len(want.Rows))
		})
	}
}

// naive is what the naive matcher finds, once for a query and a number of trades.
func naive(t *testing.T, c *conformance.Case) *conformance.Result {
	t.Helper()
	key := fmt.Sprint(c.Name, len(c.Input))
	if found[key] == nil {
		r, err := conformance.Reference{Options: reference.Options{Steps: 100_000_000}}.Run(c)
		if err != nil {
			t.Fatal(err)
		}
		found[key] = r
	}
	return found[key]
}

var found = map[string]*conformance.Result{}
