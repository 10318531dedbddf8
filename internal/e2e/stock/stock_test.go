package stock

import (
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
			want, err := conformance.Reference{Options: reference.Options{Steps: 100_000_000}}.Run(c)
			if err != nil {
				t.Fatal(err)
			}
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
