package function

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var hashFuncs = []*expr.Func{
	digest("MD5", func(b []byte) []byte { d := md5.Sum(b); return d[:] }, "900150983cd24fb0d6963f7d28e17f72"),
	digest("SHA1", func(b []byte) []byte { d := sha1.Sum(b); return d[:] }, "a9993e364706816aba3e25717850c26c9cd0d89d"),
	digest("SHA224", func(b []byte) []byte { d := sha256.Sum224(b); return d[:] }, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
	digest("SHA256", func(b []byte) []byte { d := sha256.Sum256(b); return d[:] }, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
	digest("SHA384", func(b []byte) []byte { d := sha512.Sum384(b); return d[:] }, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
	digest("SHA512", func(b []byte) []byte { d := sha512.Sum512(b); return d[:] }, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
	define("hash", "SHA2(s, bits)", "SHA-2 hash of 224, 256, 384 or 512 bits in hexadecimal.", sig(event.TString, 2, pStrings, pInt), sha2,
		"LEFT(SHA2('abc', 256), 8)", "ba7816bf"),
	define("hash", "CRC32(s)", "CRC-32 checksum.", sig(event.TInt64, 1, pStrings),
		integer(func(a []event.Value) int64 { return int64(crc32.ChecksumIEEE(a[0].S)) }), "CRC32('abc')", "891568578"),
	define("string", "TO_BASE64(s)", "s in base 64.", sig(event.TString, 1, pStrings),
		text(func(dst []byte, a []event.Value) []byte { return base64.StdEncoding.AppendEncode(dst, a[0].S) }), "TO_BASE64('abc')", "YWJj"),
	define("string", "FROM_BASE64(s)", "The text written in base 64; NULL when s is not.", sig(event.TString, 1, pString), fromBase64, "FROM_BASE64('YWJj')", "abc"),
	define("string", "ENCODE(s, charset)", "The bytes of s in UTF-8, UTF-16BE, UTF-16LE, ISO-8859-1 or US-ASCII.", sig(event.TBytes, 2, pString, pString), encode, "HEX(ENCODE('ä', 'UTF-8'))", "C3A4"),
	define("string", "DECODE(b, charset)", "The text that bytes hold in UTF-8, UTF-16BE, UTF-16LE, ISO-8859-1 or US-ASCII.", sig(event.TString, 2, pBytes, pString), decode, "DECODE(UNHEX('E4'), 'ISO-8859-1')", "ä"),
	define("string", "PARSE_URL(url, part [, key])", "HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY or USERINFO of a URL, or one key of its query; NULL when there is none.", sig(event.TString, 2, pString, pString, pString), parseURL,
		"PARSE_URL('https://a.org/p?x=1', 'QUERY', 'x')", "1"),
	define("string", "URL_ENCODE(s)", "s with characters escaped as in a URL's query.", sig(event.TString, 1, pString),
		text(func(dst []byte, a []event.Value) []byte { return append(dst, url.QueryEscape(string(a[0].S))...) }), "URL_ENCODE('a b&c')", "a+b%26c"),
	define("string", "URL_DECODE(s)", "The inverse of URL_ENCODE; NULL when s is malformed.", sig(event.TString, 1, pString), urlDecode, "URL_DECODE('a+b%26c')", "a b&c"),
}

func digest(name string, sum func([]byte) []byte, ofABC string) *expr.Func {
	return define("hash", name+"(s)", "The hash of a text or bytes in hexadecimal.", sig(event.TString, 1, pStrings),
		text(func(dst []byte, a []event.Value) []byte { return hex.AppendEncode(dst, sum(a[0].S)) }),
		name+"('abc')", ofABC)
}

func sha2(_ *expr.Context, a []event.Value, out *event.Value) error {
	var sum []byte
	switch a[1].I {
	case 224:
		d := sha256.Sum224(a[0].S)
		sum = d[:]
	case 256:
		d := sha256.Sum256(a[0].S)
		sum = d[:]
	case 384:
		d := sha512.Sum384(a[0].S)
		sum = d[:]
	case 512:
		d := sha512.Sum512(a[0].S)
		sum = d[:]
	default:
		return fmt.Errorf("SHA2: bits must be 224, 256, 384 or 512, not %d", a[1].I)
	}
	out.S = hex.AppendEncode(out.S[:0], sum)
	return nil
}

func fromBase64(_ *expr.Context, a []event.Value, out *event.Value) error {
	b, err := base64.StdEncoding.AppendDecode(out.S[:0], a[0].S)
	out.S, out.Null = b, err != nil
	return nil
}

func encode(_ *expr.Context, a []event.Value, out *event.Value) error {
	out.S = out.S[:0]
	charset := strings.ToUpper(string(a[1].S))
	switch charset {
	case "UTF-8":
		out.S = append(out.S, a[0].S...)
	case "ISO-8859-1", "US-ASCII":
		limit := map[string]rune{"ISO-8859-1": 0xff, "US-ASCII": 0x7f}[charset]
		for _, r := range string(a[0].S) {
			if r > limit {
				r = '?'
			}
			out.S = append(out.S, byte(r))
		}
	case "UTF-16BE", "UTF-16LE", "UTF-16":
		for _, u := range utf16.Encode([]rune(string(a[0].S))) {
			if charset == "UTF-16LE" {
				u = u<<8 | u>>8
			}
			out.S = append(out.S, byte(u>>8), byte(u))
		}
	default:
		return unknownCharset(a[1].S)
	}
	return nil
}

func decode(_ *expr.Context, a []event.Value, out *event.Value) error {
	out.S = out.S[:0]
	charset := strings.ToUpper(string(a[1].S))
	switch charset {
	case "UTF-8":
		out.S = append(out.S, strings.ToValidUTF8(string(a[0].S), "\ufffd")...)
	case "ISO-8859-1", "US-ASCII":
		for _, b := range a[0].S {
			out.S = utf8.AppendRune(out.S, rune(b))
		}
	case "UTF-16BE", "UTF-16LE", "UTF-16":
		units := make([]uint16, len(a[0].S)/2)
		for i := range units {
			units[i] = uint16(a[0].S[2*i])<<8 | uint16(a[0].S[2*i+1])
			if charset == "UTF-16LE" {
				units[i] = units[i]<<8 | units[i]>>8
			}
		}
		out.S = append(out.S, string(utf16.Decode(units))...)
	default:
		return unknownCharset(a[1].S)
	}
	return nil
}

func unknownCharset(name []byte) error {
	return fmt.Errorf("unknown character set '%s'; UTF-8, UTF-16BE, UTF-16LE, ISO-8859-1 or US-ASCII expected", clip(name))
}

func parseURL(_ *expr.Context, a []event.Value, out *event.Value) error {
	part, ok := urlPart(a)
	out.S, out.Null = append(out.S[:0], part...), !ok
	return nil
}

func urlPart(a []event.Value) (part string, ok bool) {
	u, err := url.Parse(string(a[0].S))
	if err != nil {
		return "", false
	}
	switch string(a[1].S) {
	case "HOST":
		part = u.Hostname()
	case "PATH":
		return u.EscapedPath(), true
	case "QUERY":
		if len(a) > 2 {
			return u.Query().Get(string(a[2].S)), u.Query().Has(string(a[2].S))
		}
		part = u.RawQuery
	case "REF":
		part = u.Fragment
	case "PROTOCOL":
		part = u.Scheme
	case "FILE":
		part = u.RequestURI()
	case "AUTHORITY":
		part = strings.TrimPrefix((&url.URL{User: u.User, Host: u.Host}).String(), "//")
	case "USERINFO":
		part = u.User.String()
	}
	return part, part != ""
}

func urlDecode(_ *expr.Context, a []event.Value, out *event.Value) error {
	s, err := url.QueryUnescape(string(a[0].S))
	out.S, out.Null = append(out.S[:0], s...), err != nil
	return nil
}
