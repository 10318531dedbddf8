package check

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/ast"
	"github.com/cepd/cepd/query/catalog"
)

// moneyWords are the parts of a name by which a column is one of money.
var moneyWords = map[string]bool{
	"amount": true, "price": true, "cost": true, "fee": true, "balance": true, "salary": true, "revenue": true, "payment": true, "money": true,
	"eur": true, "usd": true, "gbp": true, "chf": true, "jpy": true, "cents": true,
}

// adviseMoney warns of money in binary fractions: 0.1 + 0.2 is not 0.3 there.
func (c *Checker) adviseMoney(col *catalog.Column, def *ast.ColumnDef) {
	if !col.Type.Float() || !namesMoney(col.Name) {
		return
	}
	c.list.Warn(diag.FloatMoney, def.Type.Pos(), "%s looks like money, and %s is rounded: sums and comparisons of it are not exact", col.Name, col.Type).
		WithHint("declare it DECIMAL(18, 2), or as many digits as it has")
}

// namesMoney says whether one of the words of a name, as in unit_price, is of
// money.
func namesMoney(name string) bool {
	for _, word := range strings.Split(strings.ToLower(name), "_") {
		if moneyWords[word] {
			return true
		}
	}
	return false
}
