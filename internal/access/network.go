package access

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const dialTimeout = 10 * time.Second

// rule allows addresses: by name, or by range.
type rule struct {
	host  string       // lower case; * any, *.x those below x
	block netip.Prefix // in place of host
	port  string       // * any
}

func parseRule(text string) (rule, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return rule{}, errors.New("expected host:port, such as broker.example:9092, *.example:*, 10.0.0.0/8:9092")
	}
	if n, err := strconv.Atoi(port); port != "*" && (err != nil || n < 1 || n > 65535) {
		return rule{}, errors.New("expected a port from 1 to 65535, or *")
	}
	if block, err := netip.ParsePrefix(host); err == nil {
		return rule{block: block.Masked(), port: port}, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return rule{block: netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen()), port: port}, nil
	}
	if rest := strings.TrimPrefix(strings.TrimPrefix(host, "*"), "."); host == "" || strings.ContainsAny(rest, "*/") {
		return rule{}, errors.New("expected a host name, *.suffix, *, an address or a range such as 10.0.0.0/8")
	}
	return rule{host: strings.ToLower(host), port: port}, nil
}

func (r rule) forPort(port string) bool { return r.port == "*" || r.port == port }

func (r rule) named(host string) bool {
	suffix, any := strings.CutPrefix(r.host, "*")
	return r.host != "" && (r.host == host || any && strings.HasSuffix(host, suffix) && len(host) > len(suffix))
}

// CheckAddress says whether host:port may be asked, as far as can be told
// before the name is looked up.
func (p *Policy) CheckAddress(address string) error {
	if !p.Confined() {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if !p.byName(host, port) || local(ip) {
			return p.checkIP(ip, port)
		}
		return nil
	}
	if p.byName(host, port) || p.anyBlock(port) {
		return nil
	}
	return refusal("network.allow", "%s", address)
}

func (p *Policy) byName(host, port string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, r := range p.network {
		if r.forPort(port) && r.named(host) {
			return true
		}
	}
	return false
}

func (p *Policy) anyBlock(port string) bool {
	for _, r := range p.network {
		if r.forPort(port) && r.block.IsValid() {
			return true
		}
	}
	return false
}

// checkIP wants the address in a range.
func (p *Policy) checkIP(ip netip.Addr, port string) error {
	for _, r := range p.network {
		if r.forPort(port) && r.block.IsValid() && r.block.Contains(ip.Unmap()) {
			return nil
		}
	}
	return refusal("network.allow", "%s", net.JoinHostPort(ip.String(), port))
}

// local says whether an address is one that no name should lead to: those of a
// link hold the metadata, and so the credentials, of cloud machines.
func local(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified()
}

// DialContext connects, if name or address are allowed. Names are checked
// before they are looked up, and addresses after it, so that a name that is
// made to point elsewhere leads nowhere.
func (p *Policy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	if !p.Confined() {
		return d.DialContext(ctx, network, address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if err := p.CheckAddress(address); err != nil {
		return nil, err
	}
	named := p.byName(host, port)
	d.Control = func(_, address string, _ syscall.RawConn) error {
		found, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if named && !local(found.Addr()) {
			return nil
		}
		return p.checkIP(found.Addr(), port)
	}
	return d.DialContext(ctx, network, address)
}

// HTTPTransport is a transport of its own that connects as DialContext does. A
// proxy of the environment would connect in its place, so there is none where
// addresses are confined.
func (p *Policy) HTTPTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = p.DialContext
	t.DisableKeepAlives = true // calls are few
	if p.Confined() {
		t.Proxy = nil
	}
	return t
}
