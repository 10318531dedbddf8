package auth

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	failureBurst = 20              // failed logins of an address at once
	failureEvery = 3 * time.Second // and then one in so long
	maxAddresses = 10_000          // remembered; beyond, all are forgotten
)

// limiter counts failed logins by address.
type limiter struct {
	now func() time.Time

	mu    sync.Mutex
	known map[netip.Prefix]*failures
}

type failures struct {
	left *rate.Limiter
	told bool // that the address is blocked has been written down
}

// blocked says whether an address has failed too often.
func (l *limiter) blocked(remote string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.known[prefixOf(remote)]
	return f != nil && f.left.TokensAt(l.now()) < 1
}

// first says whether it is asked for the first time since the address failed.
func (l *limiter) first(remote string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.known[prefixOf(remote)]
	if f == nil || f.told {
		return false
	}
	f.told = true
	return true
}

func (l *limiter) failed(remote string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := prefixOf(remote)
	f := l.known[p]
	if f == nil {
		if len(l.known) >= maxAddresses {
			clear(l.known)
		}
		f = &failures{left: rate.NewLimiter(rate.Every(failureEvery), failureBurst)}
		l.known[p] = f
	}
	f.left.AllowN(l.now(), 1)
	f.told = false
}

// prefixOf is the address, of IPv6 the network that one customer has.
func prefixOf(remote string) netip.Prefix {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked()
	}
	return netip.PrefixFrom(ip, 32)
}
