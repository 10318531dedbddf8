package formats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/confluent"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
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

// TestUpsertsInBytes writes keys and values in formats that a schema explains, and
// reads them.
func TestUpsertsInBytes(t *testing.T) {
	columns := []connectors.Column{
		{Name: "id", Type: event.TInt64, NotNull: true}, {Name: "name", Type: event.TString}, {Name: "place", Type: event.TString, NotNull: true}, {Name: "n", Type: event.TInt64},
	}
	r := registrytest.New(t)
	for _, key := range []string{"avro", "protobuf", "avro-confluent", "protobuf-confluent", "json"} {
		for _, value := range []string{"avro", "protobuf", "avro-confluent", "protobuf-confluent"} {
			for _, include := range []string{"ALL", "EXCEPT_KEY"} {
				options := map[string]string{"connector": Upserts, "topic": key + value, "key.format": key, "value.format": value, "value.fields-include": include}
				if strings.HasSuffix(key, "-confluent") {
					options["key."+key+".url"] = r.URL
				}
				if strings.HasSuffix(value, "-confluent") {
					options["value."+value+".url"], options["value."+value+".subject"] = r.URL, key+value+include
				}
				table := connectors.Table{Columns: columns, Physical: columns, Key: []string{"id", "place"}, Options: options}
				d, err := NewDecoder(table)
				if err != nil {
					t.Fatal(err)
				}
				inKey := []connectors.Column{columns[0], columns[2]}
				keys := encodeRow(t, connectors.KeyTable(table, inKey), event.IntValue(7), event.StringValue("x"))
				values := ""
				if include == "ALL" {
					values = encodeRow(t, table, event.IntValue(7), event.StringValue("a"), event.StringValue("x"), event.NullValue)
				} else {
					inValue := table
					inValue.Columns = []connectors.Column{columns[1], columns[3]}
					values = encodeRow(t, inValue, event.StringValue("a"), event.NullValue)
				}
				raw := upsertRecords(keys, values, keys, "-")
				dst := formattest.Batch(columns)
				dst.Reset(raw.N())
				rejects, err := d.Decode(raw, dst, nil)
				if got := formattest.Row(dst, 0) + formattest.Row(dst, 1); err != nil || len(rejects) > 0 || got != "+U | 7 | \"a\" | \"x\" | NULL\n-D | 7 | NULL | \"x\" | NULL\n" && got != "7 | \"a\" | \"x\" | NULL\n-D | 7 | NULL | \"x\" | NULL\n" {
					t.Errorf("%s, %s, %s: %s %v %v", key, value, include, got, rejects, err)
				}
			}
		}
	}
	if v := r.Versions("avro-confluentavro-key"); len(v) != 1 || !strings.Contains(v[0].Schema, `"id"`) {
		t.Errorf("%+v", v)
	}
}

// encodeRow is a row as a table's sink writes it.
func encodeRow(t *testing.T, table connectors.Table, row ...event.Value) string {
	t.Helper()
	e, err := NewEncoder(table)
	if err != nil {
		t.Fatal(err)
	}
	if err := connectors.OpenEncoder(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	b := formattest.Batch(table.Columns)
	b.Reset(1)
	for i := range row {
		b.Cols[i].Set(0, 1, row[i])
	}
	return strings.TrimSuffix(formattest.Encode(t, e, b), "\n")
}

// TestUpsertsWaitWithTheQuery ends with the query that waits for a registry.
func TestUpsertsWaitWithTheQuery(t *testing.T) {
	columns := []connectors.Column{{Name: "id", Type: event.TInt64}, {Name: "n", Type: event.TInt64}}
	r := registrytest.New(t)
	r.Failing.Store(503)
	head := string(confluent.AppendHead(nil, 1))
	for _, record := range [][]string{{head, "-"}, {`{"id":1}`, head}} {
		options := map[string]string{"connector": Upserts, "key.format": "json", "value.format": "json"}
		if record[0] == head {
			options["key.format"], options["key.avro-confluent.url"] = "avro-confluent", r.URL
		} else {
			options["value.format"], options["value.avro-confluent.url"] = "avro-confluent", r.URL
		}
		d, err := NewDecoder(connectors.Table{Columns: columns, Physical: columns, Key: []string{"id"}, Options: options})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := errors.New("stopped")
		cancel(stopped)
		d.(connectors.Waiter).Within(ctx)
		dst := formattest.Batch(columns)
		dst.Reset(1)
		if _, err := d.Decode(upsertRecords(record...), dst, nil); !errors.Is(err, stopped) {
			t.Error(err)
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
