package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func all(*Entry) bool { return true }

// TestRotation writes more than the log holds: the newest lines stay, in order.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "audit.jsonl")
	l, err := Open(path, 1000, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := l.Write(Entry{Object: fmt.Sprint(i)}, i%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 3 {
		t.Errorf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, _ := f.Info(); info.Size() > 1000 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, %v", f.Name(), info.Size(), info.Mode())
		}
	}
	list, err := Read(path, all)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range list {
		if want := fmt.Sprint(100 - len(list) + i); e.Object != want {
			t.Errorf("entry %d is %s, want %s", i, e.Object, want)
		}
	}
	if len(list) < 10 {
		t.Errorf("%d entries", len(list))
	}
}

func TestOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	l, err := Open(path, 300, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range 20 {
		if err := l.Write(Entry{Object: fmt.Sprint(i)}, false); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Read(path, all)
	if err != nil || len(list) == 0 || list[len(list)-1].Object != "19" {
		t.Error(list, err)
	}
}

// TestTornLine goes on behind what a crash has left.
func TestTornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("{\"object\":\"whole\"}\n{\"object\":\"to"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Write(Entry{Object: "next"}, true); err != nil {
		t.Fatal(err)
	}
	list, err := Read(path, func(e *Entry) bool { return !strings.HasPrefix(e.Object, "to") })
	var got []string
	for _, e := range list {
		got = append(got, e.Object)
	}
	if !slices.Equal(got, []string{"whole", "next"}) || err != nil {
		t.Error(got, err)
	}
}

func TestCannotWrite(t *testing.T) {
	l, err := Open(filepath.Join(t.TempDir(), "a"), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.file.Close()
	if err := l.Write(Entry{}, false); err == nil || !strings.HasPrefix(err.Error(), "audit log: ") {
		t.Error(err)
	}
	if _, err := Open(filepath.Join("/dev/null", "a"), 0, 0); err == nil {
		t.Error("a file is no folder")
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none"), all); err == nil {
		t.Error("there is no log")
	}
}
