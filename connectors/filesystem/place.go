package filesystem

import (
	"context"
	"io"
	"time"
)

// place is a folder or a bucket's prefix. Names have slashes. What is not there is
// fs.ErrNotExist, what putNew finds there fs.ErrExist.
type place interface {
	// stage begins a file that nobody sees.
	stage(ctx context.Context, f *file) (staged, error)
	// publish shows files that were sealed under their names, durably. What is
	// shown already stays as it is.
	publish(ctx context.Context, files []file) error
	// discard removes a file that was sealed and not published.
	discard(ctx context.Context, f *file) error
	// sweep removes what is staged, but for what keep says by the name of a file
	// and how long ago it was begun.
	sweep(ctx context.Context, keep func(name string, age time.Duration) bool) error

	// putNew writes an entry of the log, durably, unless there is one.
	putNew(ctx context.Context, name string, content []byte) error
	get(ctx context.Context, name string) ([]byte, error)
	list(ctx context.Context, dir string) (names []string, err error)
	remove(ctx context.Context, name string) error
	close() error
}

// staged is a file that is being written.
type staged interface {
	io.Writer
	// seal makes durable what was written, and says in the file how to publish it.
	seal(ctx context.Context) error
	// abandon lets go of it.
	abandon(ctx context.Context) error
}

// file is a file of the table, as the log names it.
type file struct {
	Name   string   `json:"name"`
	Rows   int64    `json:"rows"`
	Bytes  int64    `json:"bytes"`
	Upload string   `json:"upload,omitempty"` // in a bucket: the multipart upload
	Parts  []string `json:"parts,omitempty"`  // the ETags of its parts, in order
}
