package rises

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestCompare: what is missing, comes twice, or is invented is told.
func TestCompare(t *testing.T) {
	w := &World{want: map[Rise]bool{{1, 1, 2}: true, {1, 3, 4}: true}}
	type rec struct {
		rise Rise
		id   string
	}
	for _, test := range []struct {
		name    string
		records []rec
		once    bool
		want    string // part of the difference; "": none
	}{
		{"all", []rec{{Rise{1, 1, 2}, "a"}, {Rise{1, 3, 4}, "b"}}, true, ""},
		{"missing", []rec{{Rise{1, 1, 2}, "a"}}, true, "missing 1 [{1 3 4}]"},
		{"twice", []rec{{Rise{1, 1, 2}, "a"}, {Rise{1, 1, 2}, "a"}, {Rise{1, 3, 4}, "b"}}, true, "more than once 1 [{1 1 2} ×2]"},
		{"twice, allowed", []rec{{Rise{1, 1, 2}, "a"}, {Rise{1, 1, 2}, "a"}, {Rise{1, 3, 4}, "b"}}, false, ""},
		{"another id", []rec{{Rise{1, 1, 2}, "a"}, {Rise{1, 1, 2}, "c"}, {Rise{1, 3, 4}, "b"}}, false, "3 ids for 2 rises"},
		{"one id for two", []rec{{Rise{1, 1, 2}, "a"}, {Rise{1, 3, 4}, "a"}}, false, `the id "a" stands for`},
		{"invented", []rec{{Rise{1, 1, 2}, "a"}, {Rise{1, 3, 4}, "b"}, {Rise{9, 9, 9}, "c"}}, false, "wrong 1 [{9 9 9}]"},
	} {
		r := &Reader{seen: map[Rise]int{}, ids: map[string]Rise{}, news: make(chan struct{})}
		for _, x := range test.records {
			value, _ := json.Marshal(x.rise) // numbers
			r.take([]*kgo.Record{{Value: value, Headers: []kgo.RecordHeader{{Key: "cepd-id", Value: []byte(x.id)}}}})
		}
		got := r.Compare(w, test.once).Difference
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestWorldKnowsItsRises: what next notes on the way is what a look at all the
// readings finds.
func TestWorldKnowsItsRises(t *testing.T) {
	w := &World{rng: rand.New(rand.NewPCG(1, 7)), want: map[Rise]bool{}}
	byMeter := map[int64][]reading{}
	for range 5000 {
		r := w.next()
		byMeter[r.Meter] = append(byMeter[r.Meter], r)
	}
	found := 0
	for meter, list := range byMeter {
		for i := 1; i < len(list); i++ {
			if list[i].V > list[i-1].V {
				if found++; !w.want[Rise{meter, list[i-1].N, list[i].N}] {
					t.Errorf("meter %d: %v %v is not known", meter, list[i-1], list[i])
				}
				i++ // past the last row
			}
		}
	}
	if found != w.Wanted() || found == 0 {
		t.Errorf("%d rises found, %d known", found, w.Wanted())
	}
	again := w.Rises(0, false)
	for _, r := range again {
		if !w.want[r] {
			t.Errorf("%v is not known", r)
		}
	}
	if late := w.Rises(2500, true); len(again) != found || len(late) == 0 || len(late) >= len(w.Rises(0, true)) {
		t.Errorf("%d rises found again, %d of the second half", len(again), len(late))
	}
}
