package json

import (
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
)

// TestHostile puts each record between two good ones.
func TestHostile(t *testing.T) {
	columns := append(transactionColumns[:4:4], transactionColumns[4])
	for name, c := range map[string]struct {
		record, reason string
	}{
		"deep in a column":   {`{"z":` + strings.Repeat("[", 100000), "levels of nesting"},
		"deep outside":       {`{"z":` + strings.Repeat(`{"a":`, 100000), "levels of nesting"},
		"just too deep":      {`{"z":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "levels of nesting"},
		"deep enough":        {`{"z":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, ""},
		"invalid UTF-8":      {"{\"country\":\"\xff\xfe\"}", "expected string text and a quote"},
		"invalid in a key":   {"{\"\xc3\x28\":1}", "expected string text"},
		"invalid outside":    {"{\"z\":\"abcdefgh\xed\xa0\x80\"}", "string text"},
		"BOM":                {"\xef\xbb\xbf{}", "expected an object"},
		"NUL":                {"{\"country\":\"a\x00b\"}", "string text"},
		"huge string":        {`{"country":"` + strings.Repeat("x", 1<<20) + `"}`, ""},
		"huge number":        {`{"card":` + strings.Repeat("9", 1<<20) + `}`, "expected a number for BIGINT"},
		"huge exponent":      {`{"amount":1e` + strings.Repeat("9", 1000) + `}`, "expected a number for DOUBLE"},
		"huge exponent card": {`{"card":1e999999999999}`, "BIGINT"},
		"many keys":          {`{` + strings.Repeat(`"k":1,`, 10000) + `"card":1}`, ""},
		"empty":              {``, "found the end of the record"},
		"spaces":             {`      `, "found the end of the record"},
	} {
		t.Run(name, func(t *testing.T) {
			good := `{"ts":1,"card":2,"amount":3.5,"country":"FR","kind":"auth"}`
			d, err := NewDecoder(columns, Options{})
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(formattest.Decode(t, d, columns, formattest.Raw(good, c.record, good)), "\n")
			want := `1970-01-01 00:00:00.001 | 2 | 3.5 | "FR" | "auth"`
			if lines[0] != want || lines[2] != want {
				t.Errorf("neighbours: %s, %s", lines[0], lines[2])
			}
			reason, rejected := strings.CutPrefix(lines[1], "REJECT ")
			if rejected != (c.reason != "") || !strings.Contains(reason, c.reason) {
				t.Errorf("%.200s, want %q", lines[1], c.reason)
			}
		})
	}
}

// TestTooManyElements has a record with more elements than may be, in an array
// and in a map, between good ones.
func TestTooManyElements(t *testing.T) {
	columns := []connectors.Column{{Name: "a", Type: formattest.Type(t, "ARRAY<INT>")}, {Name: "m", Type: formattest.Type(t, "MAP<INT>")}}
	d, err := NewDecoder(columns, Options{})
	if err != nil {
		t.Fatal(err)
	}
	good := `{"a":[1,2],"m":{"k":3}}`
	many := `{"a":[` + strings.Repeat("1,", maxItems) + `1]}`
	entries := `{"m":{` + strings.Repeat(`"":1,`, maxItems) + `"":1}}`
	lines := strings.Split(formattest.Decode(t, d, columns, formattest.Raw(good, many, good, entries, good)), "\n")
	for i, want := range []string{`[1, 2] | ["k": 3]`, "at most 1048576 elements", `[1, 2] | ["k": 3]`, "at most 1048576 elements", `[1, 2] | ["k": 3]`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("%d: %.200s, want %s", i, lines[i], want)
		}
	}
}

func TestTruncatedAnywhere(t *testing.T) {
	whole := `{"ts":1700002800000,"card":60119,"amount":147.44,"z":[{"a":"b\n"},null,true,-1e5],"country":"FR","kind":"\u0061uth"}`
	d, err := NewDecoder(transactionColumns, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		got := formattest.Decode(t, d, transactionColumns, formattest.Raw(whole[:i], whole))
		if !strings.HasPrefix(got, "REJECT not valid JSON") || !strings.HasSuffix(got, "\n2023-11-14 23:00:00.000 | 60119 | 147.44 | \"FR\" | \"auth\"\n") {
			t.Fatalf("%d: %s", i, got)
		}
	}
}
