package pattern

import "testing"

func TestArenaReusesBlocks(t *testing.T) {
	a := newArena()
	x := a.alloc(8)
	copy(a.words(x), []uint64{1, 2, 3, 4, 5, 6, 7, 8})
	y := a.alloc(8)
	if x == y || a.words(y)[0] != 0 {
		t.Fatalf("blocks overlap: %x %x", x, y)
	}
	a.release(x, 8)
	if z := a.alloc(8); z != x {
		t.Errorf("freed block %x not used again, got %x", x, z)
	}
	if a.used != 16 {
		t.Errorf("used = %d words, want 16", a.used)
	}
	big := a.alloc(1 << 20)
	if n := len(a.words(big)); n < 1<<20 {
		t.Errorf("large block has %d words", n)
	}
	a.release(big, 1<<20)
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

func TestSizeClasses(t *testing.T) {
	last, lastClass := 0, 0
	for words := 1; words < 1<<20; words += 1 + words/100 {
		c, size := sizeClass(words)
		if size < words || size > words+words/8 || size < last || c < lastClass || c == lastClass && last > 0 && size != last {
			t.Fatalf("%d words: class %d of %d words after class %d of %d", words, c, size, lastClass, last)
		}
		last, lastClass = size, c
	}
}
