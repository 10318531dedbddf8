package pattern

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

// TestTexts compares constants that are looked up with constants that are
// compared, over texts of all lengths, NULLs and selections.
func TestTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	text := func() string {
		return strings.Repeat(string(rune('a'+r.IntN(3))), r.IntN(14)) + string(rune('x'+r.IntN(2)))
	}
	for range 200 {
		var list []condition
		var constants []string
		for range minTexts + r.IntN(30) {
			constants = append(constants, text())
			column := &expr.Column{Base: expr.Base{T: event.TString}}
			constant := &expr.Const{Base: expr.Base{T: event.TString}, Value: event.StringValue(constants[len(constants)-1])}
			list = append(list, condition{cond: &expr.Compare{Op: expr.Eq, X: column, Y: constant}})
		}
		groups, rest := findTexts(list)
		if len(groups) != 1 || rest[0] != nil {
			t.Fatalf("%d groups of %d constants", len(groups), len(list))
		}
		b := event.NewBatch(&event.Schema{Fields: []event.Field{{Name: "s", Type: event.TString}}})
		for range 100 {
			v := event.StringValue(text())
			if r.IntN(10) == 0 {
				v = event.NullValue
			}
			b.Cols[0].Append(v)
			b.N++
		}
		if r.IntN(2) == 0 {
			for i := range b.N {
				if r.IntN(3) > 0 {
					b.Sel = append(b.Sel, int32(i))
				}
			}
		}
		symbols := make([]int64, b.N)
		groups[0].mark(b, symbols)
		checkTexts(t, b, constants, symbols)
	}
}

func checkTexts(t *testing.T, b *event.Batch, constants []string, symbols []int64) {
	chosen := map[int32]bool{}
	for _, i := range b.Sel {
		chosen[i] = true
	}
	for i, got := range symbols {
		want := int64(0)
		for c, s := range constants {
			if v := b.Cols[0].Value(i); (b.Sel == nil || chosen[int32(i)]) && !v.Null && string(v.S) == s {
				want |= 1 << c
			}
		}
		if got != want {
			t.Fatalf("row %d has symbol %b, want %b", i, got, want)
		}
	}
}
