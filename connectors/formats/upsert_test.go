package formats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
)

// upsertRecords are keys and values, "-" being none.
func upsertRecords(pairs ...string) *connectors.RawBatch {
	raw := &connectors.RawBatch{}
	for i := 0; i < len(pairs); i += 2 {
		var flags connectors.Flags
		span := func(text string, none connectors.Flags) event.Span {
			if text == "-" {
				flags |= none
				return event.Span{}
			}
			raw.Buf = append(raw.Buf, text...)
			return event.Span{Off: uint32(len(raw.Buf) - len(text)), Len: uint32(len(text))}
		}
		raw.Key = append(raw.Key, span(pairs[i], connectors.NullKey))
		raw.Value = append(raw.Value, span(pairs[i+1], connectors.NullValue))
		raw.Offset, raw.Time, raw.Flags = append(raw.Offset, int64(i/2)), append(raw.Time, 0), append(raw.Flags, flags)
	}
	return raw
}

func TestUpserts(t *testing.T) {
	columns := []connectors.Column{
		{Name: "id", Type: event.TInt64, NotNull: true}, {Name: "name", Type: event.TString}, {Name: "n", Type: event.TInt64, NotNull: true},
	}
	for _, c := range []struct {
		options []string
		key     []string
		records []string
		want    []string
	}{
		{[]string{"key.format=json"}, []string{"id"},
			[]string{`{"id":1}`, `{"id":1,"name":"a","n":2}`, `{"id":1}`, "-", `{"id":2}`, `{"id":2,"n":3}`, "-", "-", "{", "-", `{"id":3}`, `{"id":3}`, `{}`, "-"},
			[]string{`1 | "a" | 2`, `-D | 1 | NULL | NULL`, `2 | NULL | 3`, "3 key: null value", "4 key: ", "5 field n: ", "6 key: field id: "}},
		{[]string{"key.format=json", "value.fields-include=EXCEPT_KEY"}, []string{"id"},
			[]string{`{"id":1}`, `{"name":"a","n":2}`, `{"id":1}`, "-", "x", `{"n":1}`},
			[]string{`+U | 1 | "a" | 2`, `-D | 1 | NULL | NULL`, "2 key: "}},
		{[]string{"key.format=string"}, []string{"name"},
			[]string{`k1`, `{"id":1,"name":"k1","n":2}`, `k1`, "-", "-", "-"},
			[]string{`1 | "k1" | 2`, `-D | NULL | "k1" | NULL`, "2 key: "}},
	} {
		tab := connectors.Table{Columns: columns, Key: c.key, Options: map[string]string{"connector": Upserts, "value.format": "json"}}
		for _, o := range c.options {
			k, v, _ := strings.Cut(o, "=")
			tab.Options[k] = v
		}
		d, err := NewDecoder(tab)
		if err != nil {
			t.Fatal(err)
		}
		dst := formattest.Batch(columns)
		for range 2 { // in memory that has been used
			raw := upsertRecords(c.records...)
			dst.Reset(raw.N())
			rejects, err := d.Decode(raw, dst, nil)
			if err != nil {
				t.Fatal(err)
			}
			bad := map[int]string{}
			for _, r := range rejects {
				bad[int(r.Row)] = r.Reason
			}
			var got []string
			for i := range dst.N {
				if reason, ok := bad[i]; ok {
					text := fmt.Sprintf("%d %s", i, reason)
					got = append(got, text[:min(len(text), len(c.want[i]))])
					continue
				}
				got = append(got, strings.TrimSpace(formattest.Row(dst, i)))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%v: %s", c.options, diff)
			}
		}
	}
}

func TestUpsertRefusals(t *testing.T) {
	columns := []connectors.Column{{Name: "a", Type: event.TInt64}, {Name: "b", Type: event.TString}}
	for options, want := range map[string]string{
		"string a":   "'string' is text",
		"string a b": "reads one column, the primary key has 2",
		"json c":     "the primary key of a table of upserts is of columns of the record",
	} {
		parts := strings.Fields(options)
		_, err := NewDecoder(connectors.Table{Columns: columns, Key: parts[1:], Options: map[string]string{"connector": Upserts, "value.format": "json", "key.format": parts[0]}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
