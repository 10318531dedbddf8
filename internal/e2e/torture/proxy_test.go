package torture

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// weather is what a proxy does to what passes.
type weather struct {
	holdRequests, holdAnswers bool          // nothing arrives, nobody is told
	refuse                    bool          // connections end, new ones at once
	delay                     time.Duration // of each piece: from half of it to one and a half times
	life                      int64         // bytes after which a connection is reset; 0: never
}

// proxy stands between cepd and a broker.
type proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	weather weather
	changed chan struct{} // closed at the next weather
	rng     *rand.Rand
	conns   map[net.Conn]bool
	wg      sync.WaitGroup
}

// newProxy listens on a host; its target has to be set before anybody connects.
func newProxy(t *testing.T, host string, seed uint64) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	return &proxy{listener: l, changed: make(chan struct{}), rng: rand.New(rand.NewPCG(seed, 3)), conns: map[net.Conn]bool{}}
}

// serve passes connections on to target until the test ends.
func (p *proxy) serve(t *testing.T, target string) {
	p.target = target
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
}

func (p *proxy) close() {
	p.listener.Close()
	p.set(weather{refuse: true})
	p.wg.Wait()
}

// set changes the weather.
func (p *proxy) set(w weather) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.weather = w
	close(p.changed)
	p.changed = make(chan struct{})
	if w.refuse {
		for c := range p.conns {
			reset(c)
		}
	}
}

func (p *proxy) now() (weather, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.weather, p.changed
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.keep(c) {
			continue
		}
		p.wg.Go(func() { p.connect(c) })
	}
}

// keep remembers a connection, unless the weather is too bad.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.weather.refuse {
		reset(c)
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	reset(c)
}

// reset closes a connection so that the other side gets an error, not an end.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

func (p *proxy) connect(client net.Conn) {
	defer p.drop(client)
	broker, err := net.DialTimeout("tcp", p.target, time.Minute)
	if err != nil || !p.keep(broker) {
		return
	}
	defer p.drop(broker)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var both sync.WaitGroup
	pass := func(to, from net.Conn, held func(weather) bool) {
		defer cancel()
		p.pass(ctx, to, from, held)
		reset(to)
		reset(from)
	}
	both.Go(func() { pass(broker, client, func(w weather) bool { return w.holdRequests }) })
	both.Go(func() { pass(client, broker, func(w weather) bool { return w.holdAnswers }) })
	both.Wait()
}

// pass copies one direction until it ends.
func (p *proxy) pass(ctx context.Context, to, from net.Conn, held func(weather) bool) {
	buf := make([]byte, 16<<10)
	passed := int64(0)
	for {
		n, err := from.Read(buf)
		if n > 0 && p.await(ctx, held) != nil {
			return
		}
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
		passed += int64(n)
		if w, _ := p.now(); w.life > 0 && passed > w.life {
			return
		}
	}
}

var errEnded = errors.New("the connection has ended")

// await is the way through the weather.
func (p *proxy) await(ctx context.Context, held func(weather) bool) error {
	for {
		w, changed := p.now()
		if held(w) {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return errEnded
			}
		}
		if w.delay == 0 {
			return nil
		}
		select {
		case <-time.After(p.jitter(w.delay)):
			return nil
		case <-ctx.Done():
			return errEnded
		}
	}
}

func (p *proxy) jitter(d time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return d/2 + time.Duration(p.rng.Int64N(int64(d)))
}

// TestProxy: what passes is what was sent; held pieces arrive later; a refused
// connection ends.
func TestProxy(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	p := newProxy(t, "127.0.0.1", 1)
	p.serve(t, echo.Addr().String())
	c, err := net.Dial("tcp", p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := make(chan string, 1)
	ask := func(text string) {
		_, _ = c.Write([]byte(text))
		go func() {
			buf := make([]byte, 100)
			n, err := c.Read(buf)
			if err != nil {
				answer <- "ended"
				return
			}
			answer <- string(buf[:n])
		}()
	}
	for _, w := range []weather{{}, {delay: time.Millisecond}, {holdRequests: true}, {holdAnswers: true}} {
		p.set(w)
		ask("hello")
		if w.holdRequests || w.holdAnswers {
			select {
			case got := <-answer:
				t.Errorf("%+v: %q has passed", w, got)
			case <-time.After(50 * time.Millisecond):
			}
			p.set(weather{})
		}
		if got := <-answer; got != "hello" {
			t.Errorf("%+v: %q", w, got)
		}
	}
	p.set(weather{life: 3})
	ask("hello")
	<-answer // it may or may not have passed before the end
	ask("again")
	if got := <-answer; got != "ended" {
		t.Errorf("after the end of its life: %q", got)
	}
}
