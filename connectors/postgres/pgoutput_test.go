package postgres

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// encode makes a message: strings end with a zero, a tuple is a []string in which
// "\x00" is NULL and "\x01" a value that does not come.
func encode(parts ...any) []byte {
	var p []byte
	for _, x := range parts {
		switch x := x.(type) {
		case byte:
			p = append(p, x)
		case rune:
			p = append(p, byte(x))
		case uint16:
			p = binary.BigEndian.AppendUint16(p, x)
		case uint32:
			p = binary.BigEndian.AppendUint32(p, x)
		case uint64:
			p = binary.BigEndian.AppendUint64(p, x)
		case string:
			p = append(append(p, x...), 0)
		case []string:
			p = binary.BigEndian.AppendUint16(p, uint16(len(x)))
			for _, v := range x {
				switch v {
				case "\x00":
					p = append(p, 'n')
				case "\x01":
					p = append(p, 'u')
				default:
					p = append(binary.BigEndian.AppendUint32(append(p, 't'), uint32(len(v))), v...)
				}
			}
		default:
			panic(fmt.Sprintf("%T", x))
		}
	}
	return p
}

var messages = [][]byte{
	encode('B', uint64(0x16B374D848), uint64(1_000_000), uint32(77)),
	encode('C', byte(0), uint64(0x16B374D848), uint64(0x16B374D900), uint64(1_000_000)),
	encode('R', uint32(5), "public", "t", 'd', uint16(2), byte(1), "id", uint32(20), uint32(0xffffffff), byte(0), "name", uint32(25), uint32(0xffffffff)),
	encode('I', uint32(5), 'N', []string{"1", "a\"b"}),
	encode('U', uint32(5), 'N', []string{"1", "\x01"}),
	encode('U', uint32(5), 'K', []string{"1", "\x00"}, 'N', []string{"2", ""}),
	encode('U', uint32(5), 'O', []string{"1", "a"}, 'N', []string{"1", "{1,{2}}"}),
	encode('D', uint32(5), 'K', []string{"1", "\x00"}),
	encode('D', uint32(5), 'O', []string{"{\"a\\\"b\",NULL}", "{t,f}"}),
	encode('T', uint32(2), byte(0), uint32(5), uint32(6)),
	append(encode('M', byte(1), uint64(9), "cepd", uint32(3)), "abc"...),
	encode('O', uint64(9), "origin"),
	encode('Y', uint32(9), "public", "mood"),
}

func TestParse(t *testing.T) {
	text := func(tp tuple) string {
		var b strings.Builder
		for _, v := range tp {
			fmt.Fprintf(&b, "%c%s ", v.kind, v.text)
		}
		return b.String()
	}
	var got []string
	for _, p := range messages {
		m, err := parse(p)
		if err != nil {
			t.Fatalf("%q: %v", p, err)
		}
		got = append(got, fmt.Sprintf("%c %s %s %d %d %d %v %v [%s] [%s] %v %s %s", m.kind, m.commit, m.end, m.time, m.xid, m.relation, m.names, m.types, text(m.old), text(m.new), m.truncated, m.prefix, m.content))
		for n := range p {
			if _, err := parse(p[:n]); err == nil && m.kind != msgOrigin && m.kind != msgType {
				t.Errorf("%q is taken without its end", p[:n])
			}
		}
	}
	want := []string{
		`B 16/B374D848 0/0 946684801000000 77 0 [] [] [] [] []  `,
		`C 16/B374D848 16/B374D900 0 0 0 [] [] [] [] []  `,
		`R 0/0 0/0 0 0 5 [id name] [20 25] [] [] []  `,
		`I 0/0 0/0 0 0 5 [] [] [] [t1 ta"b ] []  `,
		`U 0/0 0/0 0 0 5 [] [] [] [t1 u ] []  `,
		`U 0/0 0/0 0 0 5 [] [] [t1 n ] [t2 t ] []  `,
		`U 0/0 0/0 0 0 5 [] [] [t1 ta ] [t1 t{1,{2}} ] []  `,
		`D 0/0 0/0 0 0 5 [] [] [t1 n ] [] []  `,
		`D 0/0 0/0 0 0 5 [] [] [t{"a\"b",NULL} t{t,f} ] [] []  `,
		`T 0/0 0/0 0 0 0 [] [] [] [] [5 6]  `,
		`M 0/0 0/0 0 0 0 [] [] [] [] [] cepd abc`,
		`O 0/0 0/0 0 0 0 [] [] [] [] []  `,
		`Y 0/0 0/0 0 0 0 [] [] [] [] []  `,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

// FuzzParse: whatever comes is an error or a message, and whatever a message holds
// becomes JSON.
func FuzzParse(f *testing.F) {
	for _, m := range messages {
		f.Add(m)
	}
	list := event.Type{Kind: event.Array, Elem: &event.TInt64}
	texts := event.Type{Kind: event.Array, Elem: &event.TString}
	nested := event.Type{Kind: event.Array, Elem: &event.Type{Kind: event.Array, Elem: &event.TBool}}
	kinds := []event.Type{event.TString, event.TInt64, event.TBool, event.TBytes, {Kind: event.TimestampLTZ, Precision: 3}, event.TDecimal(10, 2), list, texts, nested}
	f.Fuzz(func(t *testing.T, p []byte) {
		m, err := parse(p)
		if err != nil {
			return
		}
		for _, row := range []tuple{m.old, m.new} {
			for _, kind := range kinds {
				for _, oid := range []uint32{0, oidJSON} {
					columns, types := make([]connectors.Column, len(row)), make([]uint32, len(row))
					for i := range columns {
						columns[i], types[i] = connectors.Column{Name: "a\"", Type: kind}, oid
					}
					if text := appendRow(nil, columns, types, row); !json.Valid(text) {
						t.Fatalf("%s %d: %q", kind, oid, text)
					}
				}
			}
		}
	})
}

func TestMark(t *testing.T) {
	for _, m := range []mark{
		{system: "7300000000000000000", oid: 16384, commit: 1, n: 2, end: 1 << 63},
		{system: "", snapshot: true, key: []string{"a", "", "\x00ü"}},
	} {
		p := m.append(nil)
		got, err := parseMark(p)
		if err != nil || !reflect.DeepEqual(*got, m) {
			t.Errorf("%v, %v", got, err)
		}
		for n := range p {
			if _, err := parseMark(p[:n]); err == nil {
				t.Errorf("%q is taken", p[:n])
			}
		}
	}
}

func TestVisibility(t *testing.T) {
	const epoch = 3 << 32
	v, err := parseVisibility(fmt.Sprintf("%d:%d:%d,%d", epoch-2, epoch+5, epoch-2, epoch+1))
	if err != nil {
		t.Fatal(err)
	}
	for xid, want := range map[uint32]bool{0xfffffffd: true, 0xfffffffe: false, 0xffffffff: true, 0: true, 1: false, 4: true, 5: false, 6: false} {
		if v.sees(xid) != want {
			t.Errorf("%d: %v", xid, !want)
		}
	}
	for _, text := range []string{"", "1:2", "1:x:", "1:2:3,,x"} {
		if _, err := parseVisibility(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
