package scenario

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Written is what Write has written.
type Written struct {
	Events map[string]int // by table
	Labels int
	Decoys int
}

// LabelsFile is the name of the file of labels.
const LabelsFile = "labels.jsonl"

// Write writes the events of each table into TABLE.jsonl of a directory, in the
// order of their arrival, and what was planted into labels.jsonl; most events at
// most, 0: all there are.
func Write(f *File, seed uint64, dir string, most int) (Written, error) {
	out := Written{Events: map[string]int{}}
	w, err := New(f, seed)
	if err != nil {
		return out, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return out, err
	}
	files := map[string]*lines{}
	for _, name := range append([]string{LabelsFile}, f.tables...) {
		file := name
		if name != LabelsFile {
			file += ".jsonl"
		}
		if files[name], err = create(filepath.Join(dir, file)); err != nil {
			break
		}
	}
	if err == nil {
		err = out.write(w, files, most)
	}
	for _, l := range files {
		err = errors.Join(err, l.close())
	}
	return out, err
}

func (o *Written) write(w *World, files map[string]*lines, most int) error {
	for n := 0; most == 0 || n < most; n++ {
		e, ok, err := w.Next()
		if err != nil || !ok {
			return err
		}
		if err := files[e.Table].add(e.AppendJSON); err != nil {
			return err
		}
		o.Events[e.Table]++
		if err := o.labels(w, files[LabelsFile]); err != nil {
			return err
		}
	}
	return nil
}

func (o *Written) labels(w *World, to *lines) error {
	for _, l := range w.TakeLabels() {
		if err := to.add(l.AppendJSON); err != nil {
			return err
		}
		if l.Rule == "" {
			o.Decoys++
		} else {
			o.Labels++
		}
	}
	return nil
}

// lines is a file of lines.
type lines struct {
	file *os.File
	out  *bufio.Writer
	buf  []byte
}

func create(path string) (*lines, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &lines{file: f, out: bufio.NewWriter(f)}, nil
}

func (l *lines) add(line func([]byte) []byte) error {
	l.buf = append(line(l.buf[:0]), '\n')
	_, err := l.out.Write(l.buf)
	return err
}

func (l *lines) close() error {
	if l == nil {
		return nil
	}
	err := l.out.Flush()
	if cerr := l.file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", l.file.Name(), err)
	}
	return err
}
