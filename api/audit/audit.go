// Package audit writes down who changed what on a server, and who was refused,
// as lines of JSON in a file of bounded size:
//
//	audit.jsonl     the newest lines
//	audit.jsonl.1   those before, up to audit.jsonl.N; older ones are deleted
package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The phases of a call that changes something: it is written down before and
// after.
const (
	Attempt = "attempt" // it is about to be carried out
	Done    = "done"    // it has been carried out, or has failed, as Status says
	Refused = "refused" // it was not let in
)

// Entry is one line.
type Entry struct {
	Time      time.Time `json:"time"`
	RequestID string    `json:"request_id"`
	Phase     string    `json:"phase"`
	Who       string    `json:"who,omitempty"` // name of the token, or subject of the certificate
	Role      string    `json:"role,omitempty"`
	Remote    string    `json:"remote"` // address
	Action    string    `json:"action"` // such as submit
	Object    string    `json:"object"` // path
	Status    int       `json:"status,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of a refusal, or that was given for what was done
	Added     []string  `json:"added,omitempty"`  // queries
	Dropped   []string  `json:"dropped,omitempty"`
}

// The size of the log, unless something else is asked for.
const (
	DefaultMaxBytes = 64 << 20 // of a file
	DefaultFiles    = 8        // in all
)

// Log is a log on disk. It is safe for concurrent use.
type Log struct {
	path     string
	maxBytes int64
	files    int

	mu   sync.Mutex
	file *os.File
	size int64
	torn bool // the last line is not whole: the disk was full
}

// Open opens a log to add to it; only its owner may read it.
func Open(path string, maxBytes int64, files int) (*Log, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	if files <= 0 {
		files = DefaultFiles
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	l := &Log{path: path, maxBytes: maxBytes, files: files}
	return l, l.open()
}

func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = endLine(f, info.Size())
	}
	if err != nil {
		return errors.Join(fmt.Errorf("audit log: %w", err), f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// endLine ends a line that a crash has torn.
func endLine(f *os.File, size int64) error {
	last := []byte{'\n'}
	if size > 0 {
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	if last[0] == '\n' {
		return nil
	}
	_, err := f.Write([]byte{'\n'})
	return err
}

// Write adds a line and, where sync is asked for, returns when it is on disk.
func (l *Log) Write(e Entry, sync bool) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.add(append(line, '\n')); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if !sync {
		return nil
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

func (l *Log) add(line []byte) error {
	if l.file == nil { // an earlier rotation has failed
		if err := l.open(); err != nil {
			return err
		}
	}
	if l.size > 0 && l.size+int64(len(line)) > l.maxBytes {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	if l.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	l.torn = err != nil && (n > 0 || l.torn)
	return err
}

// rotate moves every file to the next number; the last is overwritten.
func (l *Log) rotate() error {
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	if err != nil {
		return err
	}
	if l.files == 1 {
		if err := os.Remove(l.path); err != nil {
			return err
		}
		return l.open()
	}
	for i := l.files - 1; i > 0; i-- {
		if err := os.Rename(Name(l.path, i-1), Name(l.path, i)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return l.open()
}

// Name is the file with a number; 0 is the newest.
func Name(path string, i int) string {
	if i == 0 {
		return path
	}
	return fmt.Sprintf("%s.%d", path, i)
}

// Close closes the log; a nil one is closed.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
