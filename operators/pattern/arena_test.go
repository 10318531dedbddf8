package pattern

import "testing"

func TestArenaReusesBlocks(t *testing.T) {
	a := newArena()
	x := a.alloc(3)
	copy(a.words(x), []uint64{1, 2, 3, 4, 5, 6, 7, 8})
	y := a.alloc(3)
	if x == y || a.words(y)[0] != 0 {
		t.Fatalf("blocks overlap: %x %x", x, y)
	}
	a.release(x, 3)
	if z := a.alloc(3); z != x {
		t.Errorf("freed block %x not used again, got %x", x, z)
	}
	if a.used != 16 {
		t.Errorf("used = %d words, want 16", a.used)
	}
	big := a.alloc(20)
	if n := len(a.words(big)); n < 1<<20 {
		t.Errorf("large block has %d words", n)
	}
	a.release(big, 20)
	if a.used != 16 {
		t.Errorf("used = %d words after release, want 16", a.used)
	}
}

func TestStringsInlineAndSpilled(t *testing.T) {
	a := newArena()
	for _, s := range []string{"", "a", "twelve bytes", "thirteen bytes", string(make([]byte, 5000))} {
		var cell [2]uint64
		storeString(a, cell[:], []byte(s))
		if got := string(loadString(a, cell[:])); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
		freeString(a, cell[:])
	}
	if a.used != 0 {
		t.Errorf("%d words left", a.used)
	}
}
