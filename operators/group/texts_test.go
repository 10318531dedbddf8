package group

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/event"
)

// Keys that are one string are those that the general way makes, whatever was
// remembered before.
func TestText(t *testing.T) {
	codec := NewCodec([]int{0}, []event.Type{event.TString}, [][]bool{{true}})
	r := rand.New(rand.NewPCG(1, 2))
	k, general := &Keys{Codec: codec}, &Keys{Codec: codec}
	for range 50 {
		b := &event.Batch{N: 200, Cols: []event.Vec{event.NewVec(event.TString)}}
		b.Cols[0].Reset(b.N)
		for i := range b.N {
			text := strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(4)) + strings.Repeat("x", r.IntN(2)*130)
			b.Cols[0].SetBytes(i, []byte(text))
		}
		rows := event.Rows(0, b.N)
		k.Gather(b, rows, 0)
		for i := range rows {
			want := general.encode(nil, b, i, 0, codec.Sets[0])
			if got := k.At(i); string(got) != string(want) || k.Hash(i) != codec.Hash(want) {
				t.Fatalf("key of %q: % x, want % x", b.Cols[0].Bytes(i), got, want)
			}
		}
	}
}
