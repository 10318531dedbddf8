package engine

import (
	"slices"
	"testing"
)

func TestGroupLimits(t *testing.T) {
	got := groupLimits("/g", "12:memory:/old\n0::/system.slice/cepd.service\n")
	want := []string{"/g/memory/memory.limit_in_bytes", "/g/memory.max", "/g/system.slice/cepd.service/memory.max", "/g/system.slice/memory.max"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if got := groupLimits("/g", "0::/\n"); len(got) != 2 {
		t.Errorf("in a container: %v", got)
	}
}
