package function

import (
	"net/netip"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var netFuncs = []*expr.Func{
	define("network", "CIDR_MATCH(ip, block)", "Whether an IPv4 or IPv6 address lies in a block such as 10.0.0.0/8; NULL when one of them is malformed.", sig(event.TBool, 2, pString, pString),
		cidrMatch, "CIDR_MATCH('10.1.2.3', '10.0.0.0/8')", "TRUE", "CIDR_MATCH('2001:db8::1', '10.0.0.0/8')", "FALSE"),
	define("network", "CIDR_NETWORK(ip, bits)", "The block of so many bits that an IPv4 or IPv6 address lies in; NULL when one of them is malformed.", sig(event.TString, 2, pString, pInt),
		cidrNetwork, "CIDR_NETWORK('10.1.2.3', 16)", "10.1.0.0/16", "CIDR_NETWORK('2001:db8::1', 32)", "2001:db8::/32"),
}

// cidrMatch takes an IPv4 address within IPv6 for the IPv4 address.
func cidrMatch(c *expr.Context, a []event.Value, out *event.Value) error {
	block, bad := fromCache(c, a[1].S, netip.ParsePrefix)
	ip, err := netip.ParseAddr(string(a[0].S))
	if out.Null = bad != nil || err != nil; !out.Null {
		out.I = int64(b2i(block.Contains(ip.Unmap().WithZone(""))))
	}
	return nil
}

func cidrNetwork(_ *expr.Context, a []event.Value, out *event.Value) error {
	ip, err := netip.ParseAddr(string(a[0].S))
	if out.Null = err != nil || a[1].I < 0 || a[1].I > 128; out.Null {
		return nil
	}
	block, err := ip.Unmap().WithZone("").Prefix(int(a[1].I))
	if out.Null = err != nil; !out.Null {
		out.S = block.AppendTo(out.S[:0])
	}
	return nil
}
