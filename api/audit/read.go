package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

const (
	maxLine = 1 << 20
	// maxRead bounds the entries that are given; the newest are.
	maxRead = 100_000
)

// Read reads the entries of a log that are wanted, oldest first. Lines that a
// crash has torn are left out.
func Read(path string, wanted func(*Entry) bool) ([]Entry, error) {
	last := 0
	for exists(Name(path, last+1)) {
		last++
	}
	var out []Entry
	for i := last; i >= 0; i-- {
		var err error
		if out, err = readFile(Name(path, i), wanted, out); err != nil && !(i > 0 && errors.Is(err, os.ErrNotExist)) {
			return nil, fmt.Errorf("audit log: %w", err)
		}
	}
	return out, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readFile(path string, wanted func(*Entry) bool, out []Entry) ([]Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return out, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e Entry
		if json.Unmarshal(lines.Bytes(), &e) != nil || !wanted(&e) {
			continue
		}
		if out = append(out, e); len(out) > maxRead {
			out = out[len(out)-maxRead:]
		}
	}
	return out, lines.Err()
}
