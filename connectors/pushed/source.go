package pushed

import (
	"context"
	"sync"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/state/intake"
)

// source reads the log of a table, and has it received meanwhile.
type source struct {
	Reading
	hub      *Hub
	receiver Receiver
}

// Source is a table's source.
func (h *Hub) Source(t connectors.Table, r Receiver) (connectors.Source, error) {
	s := &source{hub: h, receiver: r}
	s.Reading = Reading{Table: t, Log: func() (*intake.Log, error) { return h.log(t) }, Durable: func() bool { return t.Durable }}
	return s, s.Check()
}

// Open implements connectors.Source. A reading that ends receives nothing.
func (s *source) Open(_ context.Context, _ int32, from int64, ready func()) (connectors.Reader, error) {
	r, l, err := s.Read(from, ready)
	if err != nil {
		return nil, err
	}
	r.Headers = true
	out := &reader{LogReader: *r, source: s, name: l.Name()}
	if !s.Bounded() {
		s.hub.join(s.Table, l, s.receiver)
		out.joined = true
	}
	return out, nil
}

// reader reads the log while the table is received. It implements
// connectors.Listener.
type reader struct {
	LogReader
	source  *source
	name    string
	joined  bool
	leaving sync.Once
}

// Heard implements connectors.Listener.
func (r *reader) Heard() bool {
	if !r.joined {
		return true
	}
	x := r.source.hub.current(r.name)
	return x != nil && x.inbox.connected.Load()
}

// Poll implements connectors.RawReader. That nothing more can come is told when
// what has come is read.
func (r *reader) Poll(limit int, until int64, dst *connectors.RawBatch) error {
	if err := r.LogReader.Poll(limit, until, dst); err != nil || dst.N() > 0 || !r.joined {
		return err
	}
	if x := r.source.hub.current(r.name); x != nil {
		return x.err()
	}
	return nil
}

// Close implements connectors.Reader. A query without state on disk holds nothing
// back when it is gone.
func (r *reader) Close() error {
	var err error
	r.leaving.Do(func() {
		if r.joined {
			r.source.hub.leave(r.name)
		}
		err = r.LogReader.Close()
	})
	return err
}
