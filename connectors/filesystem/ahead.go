package filesystem

import (
	"errors"
	"io"
	"sync"

	"github.com/cepd/cepd/internal/panics"
)

// errLater says that nothing has come yet.
var errLater = errors.New("nothing yet")

// How much is read ahead, in chunks of so many bytes.
const (
	aheadChunk = 256 << 10
	maxAhead   = 4 // chunks
)

// ahead reads a stream beside the query. Its Read never waits: errLater.
type ahead struct {
	chunks chan chunk
	free   chan []byte
	done   chan struct{}
	once   sync.Once
	ended  sync.WaitGroup

	at  chunk // that is being taken
	pos int
}

type chunk struct {
	bytes []byte
	err   error // behind them
}

// newAhead begins to read what open opens; ready is called when something has come.
func newAhead(ready func(), open func() (io.Reader, error)) *ahead {
	a := &ahead{chunks: make(chan chunk, maxAhead), free: make(chan []byte, maxAhead+2), done: make(chan struct{})}
	a.ended.Go(func() {
		var in io.Reader
		err := panics.Call(func() (err error) { in, err = open(); return err })
		for err == nil {
			var c chunk
			if failed := panics.Call(func() error { c = a.next(in); return nil }); failed != nil {
				c.err = failed
			}
			if !a.give(c, ready) || c.err != nil {
				return
			}
		}
		a.give(chunk{err: err}, ready)
	})
	return a
}

// next reads a chunk, or what comes at once.
func (a *ahead) next(in io.Reader) chunk {
	var buf []byte
	select {
	case buf = <-a.free:
	default:
		buf = make([]byte, aheadChunk)
	}
	n, err := io.ReadAtLeast(in, buf, aheadChunk/2)
	if errors.Is(err, io.ErrUnexpectedEOF) && n > 0 { // the next reading tells of the end
		err = nil
	}
	return chunk{buf[:n], err}
}

func (a *ahead) give(c chunk, ready func()) bool {
	select {
	case a.chunks <- c:
		ready()
		return true
	case <-a.done:
		return false
	}
}

// Read implements io.Reader.
func (a *ahead) Read(p []byte) (int, error) {
	for a.pos == len(a.at.bytes) {
		if a.at.err != nil {
			return 0, a.at.err
		}
		if cap(a.at.bytes) > 0 {
			select {
			case a.free <- a.at.bytes[:cap(a.at.bytes)]:
			default:
			}
			a.at, a.pos = chunk{}, 0
		}
		select {
		case a.at = <-a.chunks:
			a.pos = 0
		default:
			return 0, errLater
		}
	}
	n := copy(p, a.at.bytes[a.pos:])
	a.pos += n
	return n, nil
}

func (a *ahead) close() error {
	a.once.Do(func() { close(a.done) })
	a.ended.Wait()
	return nil
}
