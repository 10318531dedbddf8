// Package listentest is for tests of servers that come back at their address.
package listentest

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// Again listens on a TCP address again: where a connection of another process has the
// port meanwhile, it waits until that is over.
func Again(t testing.TB, address string) net.Listener {
	t.Helper()
	late, look := time.After(2*time.Minute), time.NewTicker(20*time.Millisecond)
	defer look.Stop()
	for {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
		select {
		case <-look.C:
		case <-late:
			t.Fatal(err)
		}
	}
}
