package savepoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
)

// A file of a newer version is refused with both versions, whatever follows its
// header.
func TestNewerFile(t *testing.T) {
	text := []byte(`{"version":7,"cepd":"v12"}`)
	file := append([]byte(magic), binary.BigEndian.AppendUint32(nil, uint32(len(text)))...)
	file = binary.BigEndian.AppendUint32(file, crc32.Checksum(text, castagnoli))
	file = append(append(file, text...), "what no one knows"...)
	_, err := NewReader(bytes.NewReader(file))
	if err == nil || !strings.Contains(err.Error(), "cepd v12 (savepoint version 7)") || !strings.Contains(err.Error(), fmt.Sprint("up to version ", Version)) {
		t.Error(err)
	}
}

func TestPairsInManyFrames(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, &Header{Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	value := bytes.Repeat([]byte("value"), 1000)
	const n = 2000
	for i := range n {
		if err := w.Put(fmt.Appendf(nil, "key%06d", i), value[:i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(&file); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	got, err := r.Each(func(key, v []byte) error {
		if string(key) != fmt.Sprintf("key%06d", i) || !bytes.Equal(v, value[:i]) {
			t.Fatalf("pair %d is %q with %d bytes", i, key, len(v))
		}
		i++
		return nil
	})
	if err != nil || got.Pairs != n {
		t.Errorf("%+v, %v", got, err)
	}
}

// A name is there with a whole file or not at all, and no file is replaced.
func TestDir(t *testing.T) {
	d := Dir(t.TempDir() + "/new")
	if list, _, err := d.List(); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
	broken := errors.New("broken")
	if err := d.Create("a", func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	good := func(w io.Writer) error {
		x, err := NewWriter(w, &Header{Query: "q"})
		if err != nil {
			return err
		}
		return x.Close(w)
	}
	if err := d.Create("a", good); err != nil {
		t.Fatal(err)
	}
	if err := d.Create("a", good); !errors.Is(err, ErrTaken) {
		t.Error(err)
	}
	for _, name := range []string{"", ".", "../a", "a/b", "a b", "-a", "a.savepoint", strings.Repeat("a", 101)} {
		if d.Create(name, good) == nil {
			t.Errorf("%q is a name", name)
		}
	}
	if err := d.Create("b", func(w io.Writer) error { _, err := w.Write([]byte("rubbish")); return err }); err != nil {
		t.Fatal(err)
	}
	if list, bad, err := d.List(); err != nil || len(bad) != 1 || len(list) != 1 || list[0].Name != "a" || list[0].Query != "q" {
		t.Error(list, bad, err)
	}
	if err := errors.Join(d.Drop("a"), d.Drop("b")); err != nil {
		t.Error(err)
	}
	if err := d.Drop("a"); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}
