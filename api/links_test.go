package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinkFields(t *testing.T) {
	for event, want := range map[string][]linkField{
		`{"id": 7, "kind": "a\"b", "more": {"x": [1]}, "none": null}`: {{"id", "7"}, {"kind", `a"b`}, {"more", `{"x": [1]}`}, {"none", ""}},
		`[1]`: nil,
		`{}`:  nil,
		``:    nil,
	} {
		if diff := cmp.Diff(want, linkFields([]byte(event))); diff != "" {
			t.Errorf("%s: %s", event, diff)
		}
	}
}
