package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/internal/panics"
)

const (
	maxDatagram = 64 << 10
	kernelBytes = 4 << 20 // asked of the kernel for datagrams that wait
)

// receiver listens. It implements pushed.Receiver.
type receiver struct {
	places  []place
	tls     *tls.Config // nil: none
	framing string
	most    int           // bytes of a message
	slots   chan struct{} // a value per connection
	idle    time.Duration
	log     *slog.Logger
	bound   func(net.Addr) // of tests
}

// Run implements pushed.Receiver.
func (r *receiver) Run(ctx context.Context, in *pushed.Inbox) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	for _, p := range r.places {
		serve, stop, err := r.listen(ctx, p, in)
		if err != nil {
			return fmt.Errorf("listen on %s://%s: %w", p.network, p.address, err)
		}
		context.AfterFunc(ctx, stop)
		wg.Go(func() {
			if err := panics.Call(serve); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s://%s: %w", p.network, p.address, err))
			}
		})
	}
	in.Connected(true)
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// listen opens a place; serve ends after stop.
func (r *receiver) listen(ctx context.Context, p place, in *pushed.Inbox) (serve func() error, stop func(), err error) {
	var config net.ListenConfig
	if p.network == "udp" {
		c, err := config.ListenPacket(ctx, "udp", p.address)
		if err != nil {
			return nil, nil, err
		}
		r.tell(c.LocalAddr())
		if u, ok := c.(*net.UDPConn); ok {
			_ = u.SetReadBuffer(kernelBytes) // as much as the kernel gives
		}
		return func() error { return r.datagrams(c, in) }, func() { _ = c.Close() }, nil
	}
	l, err := config.Listen(ctx, "tcp", p.address)
	if err != nil {
		return nil, nil, err
	}
	r.tell(l.Addr())
	return func() error { return r.accept(ctx, l, p, in) }, func() { _ = l.Close() }, nil
}

func (r *receiver) tell(a net.Addr) {
	r.log.Info("listening", "network", a.Network(), "address", a.String())
	if r.bound != nil {
		r.bound(a)
	}
}

// datagrams takes messages by UDP.
func (r *receiver) datagrams(c net.PacketConn, in *pushed.Inbox) error {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := c.ReadFrom(buf)
		switch {
		case err != nil:
			return err
		case n > r.most:
			in.Large(n)
		default:
			if m := message(buf[:n], from); len(m.Value) > 0 {
				in.Offer(m)
			}
		}
	}
}

// message keeps a copy of the text, without the line break at its end.
func message(text []byte, from net.Addr) pushed.Message {
	for len(text) > 0 && (text[len(text)-1] == '\n' || text[len(text)-1] == '\r' || text[len(text)-1] == 0) {
		text = text[:len(text)-1]
	}
	host, _, err := net.SplitHostPort(from.String())
	if err != nil {
		host = from.String()
	}
	return pushed.Message{Value: append([]byte{}, text...), Headers: []connectors.Header{connectors.Hidden(metaSource, []byte(host))}}
}

// accept takes connections, as many as there may be.
func (r *receiver) accept(ctx context.Context, l net.Listener, p place, in *pushed.Inbox) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		select {
		case r.slots <- struct{}{}:
		default:
			r.log.Warn("too many connections, closing one", "from", c.RemoteAddr().String(), "limit", cap(r.slots))
			_ = c.Close()
			continue
		}
		wg.Go(func() {
			defer func() { <-r.slots }()
			if err := panics.Call(func() error { return r.converse(ctx, c, p, in) }); err != nil && ctx.Err() == nil {
				r.log.Warn("connection closed", "from", c.RemoteAddr().String(), "error", err)
			}
		})
	}
}

// converse takes the messages of one connection.
func (r *receiver) converse(ctx context.Context, c net.Conn, p place, in *pushed.Inbox) error {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	from := c.RemoteAddr()
	if p.network == "tls" {
		c = tls.Server(c, r.tls)
	}
	s := newSplitter(&patient{c, r.idle}, r.framing, r.most)
	for {
		text, err := s.next()
		var large *largeError
		switch {
		case err == nil:
			if m := message(text, from); len(m.Value) > 0 {
				if err := in.Put(ctx, m); err != nil {
					return err
				}
			}
		case errors.As(err, &large):
			in.Large(large.bytes)
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

// patient is a connection that may be silent for so long.
type patient struct {
	net.Conn
	idle time.Duration
}

// Read implements io.Reader.
func (p *patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(p.idle)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}
