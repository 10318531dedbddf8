package api

import (
	"net"
	"sync"
)

// maxConnections is how many clients a server talks to at once; the others wait
// to be accepted.
const maxConnections = 1024

// limited accepts so many connections at once.
func limited(l net.Listener, n int) net.Listener {
	return &limitedListener{Listener: l, room: make(chan struct{}, n), gone: make(chan struct{})}
}

type limitedListener struct {
	net.Listener
	room    chan struct{} // full: as many as may be open
	gone    chan struct{} // closed with the listener
	closing sync.Once
}

// Accept waits for room, then for a client.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.gone:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &limitedConn{Conn: c, listener: l}, nil
}

func (l *limitedListener) Close() error {
	l.closing.Do(func() { close(l.gone) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	listener *limitedListener
	closing  sync.Once
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() { <-c.listener.room })
	return err
}
