package function

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/internal/event"
)

// LikePattern is a compiled LIKE pattern: pieces of text between %, each of
// which may hold _ for any one character.
type LikePattern struct {
	pieces []likePiece
	head   bool // the pattern begins with %
	tail   bool // the pattern ends with %
}

type likePiece struct {
	text []byte
	any  []bool // per byte of text: it stands for any one character; nil: none
}

var errEscape = errors.New("LIKE: the escape character must be followed by %, _ or itself")

// CompileLike compiles a pattern; escape 0 means that there is none.
func CompileLike(pattern []byte, escape rune) (*LikePattern, error) {
	p := &LikePattern{}
	var piece likePiece
	for i := 0; i < len(pattern); {
		r, size := utf8.DecodeRune(pattern[i:])
		raw := pattern[i : i+size]
		i += size
		switch {
		case escape != 0 && r == escape:
			next, size := utf8.DecodeRune(pattern[i:])
			if size == 0 || next != '%' && next != '_' && next != escape {
				return nil, errEscape
			}
			piece.add(pattern[i:i+size], false)
			i += size
		case r == '%':
			p.cut(&piece)
			p.tail = true
			continue
		default:
			piece.add(raw, r == '_')
		}
		p.tail = false
	}
	p.cut(&piece)
	return p, nil
}

func (p *likePiece) add(raw []byte, any bool) {
	p.text = append(p.text, raw...)
	if any && p.any == nil {
		p.any = make([]bool, len(p.text)-1, cap(p.text))
	}
	if p.any != nil || any {
		for len(p.any) < len(p.text) {
			p.any = append(p.any, any)
		}
	}
}

// cut ends a piece at % or at the end of the pattern.
func (p *LikePattern) cut(piece *likePiece) {
	if len(piece.text) > 0 {
		p.pieces = append(p.pieces, *piece)
		*piece = likePiece{}
	} else if len(p.pieces) == 0 {
		p.head = true
	}
}

// Match says whether all of s matches. Each piece is taken at its first place,
// the last at the end of s: no backtracking is needed.
func (p *LikePattern) Match(s []byte) bool {
	pieces := p.pieces
	if len(pieces) == 0 {
		return len(s) == 0 || p.tail
	}
	if !p.head {
		n := pieces[0].prefix(s)
		if n < 0 {
			return false
		}
		s, pieces = s[n:], pieces[1:]
		if len(pieces) == 0 {
			return len(s) == 0 || p.tail
		}
	}
	for len(pieces) > 1 || len(pieces) == 1 && p.tail {
		rest, ok := pieces[0].find(s)
		if !ok {
			return false
		}
		s, pieces = rest, pieces[1:]
	}
	return len(pieces) == 0 || pieces[0].suffix(s)
}

// prefix is the length of the piece at the start of s, or -1.
func (p *likePiece) prefix(s []byte) int {
	if p.any == nil {
		if !bytes.HasPrefix(s, p.text) {
			return -1
		}
		return len(p.text)
	}
	n := 0
	for i, c := range p.text {
		switch {
		case n >= len(s):
			return -1
		case p.any[i]:
			_, size := utf8.DecodeRune(s[n:])
			n += size
		case s[n] != c:
			return -1
		default:
			n++
		}
	}
	return n
}

// find is what follows the first place of the piece in s.
func (p *likePiece) find(s []byte) (rest []byte, ok bool) {
	if p.any == nil {
		i := bytes.Index(s, p.text)
		if i < 0 {
			return nil, false
		}
		return s[i+len(p.text):], true
	}
	for {
		if n := p.prefix(s); n >= 0 {
			return s[n:], true
		}
		if len(s) == 0 {
			return nil, false
		}
		_, size := utf8.DecodeRune(s)
		s = s[size:]
	}
}

func (p *likePiece) suffix(s []byte) bool {
	if p.any == nil {
		return bytes.HasSuffix(s, p.text)
	}
	for {
		if n := p.prefix(s); n == len(s) && n >= 0 {
			return true
		}
		if len(s) == 0 {
			return false
		}
		_, size := utf8.DecodeRune(s)
		s = s[size:]
	}
}

// patternKey is the pattern argument of LIKE or SIMILAR TO, and after a zero
// byte the escape.
func patternKey(a []event.Value) []byte {
	if len(a) < 3 {
		return a[1].S
	}
	key := append(append(make([]byte, 0, len(a[1].S)+len(a[2].S)+1), a[1].S...), 0)
	return append(key, a[2].S...)
}

func splitKey(key string) (pattern string, escape rune, err error) {
	pattern, text, ok := strings.Cut(key, "\x00")
	if !ok {
		return pattern, 0, nil
	}
	r, size := utf8.DecodeRuneInString(text)
	if size != len(text) || size == 0 {
		return "", 0, fmt.Errorf("the escape must be one character, not '%s'", clip([]byte(text)))
	}
	return pattern, r, nil
}
