package formats

import (
	"context"
	"fmt"
	"slices"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/raw"
	"github.com/cepd/cepd/internal/event"
)

// Upserts is the connector whose records are upserts by their key, and deletes
// where they have no value.
const Upserts = "upsert-kafka"

// Parameters is the connector of rows by key that the server keeps: upserts in JSON.
const Parameters = "parameters"

// IsUpserts says whether the records of a connector's tables are upserts.
func IsUpserts(connector string) bool { return connector == Upserts || connector == Parameters }

// upserts decodes values with a format, and keys where there is no value, or the
// value does not have them.
type upserts struct {
	value, key connectors.Decoder
	exceptKey  bool  // values have no key columns
	columns    []int // of the key, in the table
	others     []int // those of the value
	names      []string
	keyFields  []event.Field
	keys       *event.Batch
	records    connectors.RawBatch // the keys, as records
	rows       []int32             // of the batch, that have a key record
	rejects    []connectors.Reject
}

func newUpsertDecoder(t connectors.Table, newValue func(connectors.Table) (connectors.Decoder, error)) (connectors.Decoder, error) {
	u := &upserts{exceptKey: t.Options["value.fields-include"] == "EXCEPT_KEY"}
	inValue := t
	inValue.Columns, inValue.Key = slices.Clone(t.Columns), nil
	if u.exceptKey {
		inValue.Physical = slices.DeleteFunc(slices.Clone(t.Physical), func(c connectors.Column) bool { return slices.Contains(t.Key, c.Name) })
	}
	var keyColumns []connectors.Column
	var fields []event.Field
	for i := range inValue.Columns {
		c := &inValue.Columns[i]
		u.names = append(u.names, c.Name)
		switch {
		case slices.Contains(t.Key, c.Name):
			u.columns, keyColumns, fields = append(u.columns, i), append(keyColumns, *c), append(fields, event.Field{Name: c.Name, Type: c.Type})
			if u.exceptKey {
				c.Metadata = "key" // which the value's format leaves alone
			}
		case c.Metadata == "":
			u.others = append(u.others, i)
		}
	}
	if len(u.columns) < len(t.Key) {
		return nil, fmt.Errorf("the primary key of a table of upserts is of columns of the record")
	}
	u.keyFields = fields
	u.keys = event.NewBatch(event.NewSchema(fields...))
	var err error
	if u.value, err = newValue(inValue); err != nil {
		return nil, err
	}
	u.key, err = keyDecoder(t, keyColumns)
	return u, err
}

// keyDecoder makes the decoder of record keys.
func keyDecoder(t connectors.Table, columns []connectors.Column) (connectors.Decoder, error) {
	format := t.Options["key.format"]
	if format != "string" && format != "raw" {
		return NewDecoder(connectors.KeyTable(t, columns))
	}
	if len(columns) != 1 {
		return nil, fmt.Errorf("option 'key.format': '%s' reads one column, the primary key has %d; use 'json'", format, len(columns))
	}
	if format == "string" && columns[0].Type.Kind != event.String {
		return nil, fmt.Errorf("option 'key.format': 'string' is text, and the primary key is %s; use 'json' or 'raw'", columns[0].Type)
	}
	return result[connectors.Decoder](raw.New(columns, columns))
}

// Within implements connectors.Waiter.
func (u *upserts) Within(ctx context.Context) {
	for _, d := range []connectors.Decoder{u.value, u.key} {
		if w, ok := d.(connectors.Waiter); ok {
			w.Within(ctx)
		}
	}
}

// Fields implements connectors.FieldLister: those of a value, and of the key where
// values do not have it.
func (u *upserts) Fields(record []byte, each func(name string, t event.Type)) bool {
	lister, ok := u.value.(connectors.FieldLister)
	if !ok || !lister.Fields(record, each) {
		return false
	}
	for _, f := range u.ofKey() {
		each(f.Name, f.Type)
	}
	return true
}

// Schemas implements connectors.SchemaLister, likewise.
func (u *upserts) Schemas() []connectors.Schema {
	lister, ok := u.value.(connectors.SchemaLister)
	if !ok {
		return nil
	}
	list := lister.Schemas()
	for i := range list {
		list[i].Fields = append(slices.Clone(list[i].Fields), u.ofKey()...)
	}
	return list
}

// ofKey are the fields that only keys have.
func (u *upserts) ofKey() []event.Field {
	if !u.exceptKey {
		return nil
	}
	return u.keyFields
}

// Decode implements connectors.Decoder.
func (u *upserts) Decode(rec *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	var err error
	if u.rejects, err = u.value.Decode(rec, dst, u.rejects[:0]); err != nil {
		return rejects, err
	}
	u.gather(rec)
	bad, err := u.decodeKeys(dst)
	if err != nil {
		return rejects, err
	}
	// Rejects come in the order of rows: those of values, but for tombstones, and
	// those of keys.
	for _, r := range u.rejects {
		if rec.Flags[r.Row]&connectors.NullValue == 0 {
			bad = append(bad, r)
		}
	}
	slices.SortStableFunc(bad, func(a, b connectors.Reject) int { return int(a.Row - b.Row) })
	bad = slices.CompactFunc(bad, func(a, b connectors.Reject) bool { return a.Row == b.Row })
	return append(rejects, bad...), nil
}

// gather makes records of the keys that are needed.
func (u *upserts) gather(rec *connectors.RawBatch) {
	k := &u.records
	k.Reset()
	k.Topic, k.Part, k.Buf = rec.Topic, rec.Part, rec.Buf
	u.rows = u.rows[:0]
	for row := range rec.N() {
		if !u.exceptKey && rec.Flags[row]&connectors.NullValue == 0 {
			continue
		}
		k.Append(rec.Key[row], rec.Offset[row])
		if rec.Flags[row]&connectors.NullKey != 0 {
			k.Flags[k.N()-1] |= connectors.NullValue
		}
		if rec.Flags[row]&connectors.NullValue != 0 {
			u.rows = append(u.rows, int32(row)|tombstone)
			continue
		}
		u.rows = append(u.rows, int32(row))
	}
}

// tombstone marks a row that deletes.
const tombstone = 1 << 30

// decodeKeys fills the key columns of the rows that need it, and makes rows
// without a value deletes. Bad are the rows whose key is none.
func (u *upserts) decodeKeys(dst *event.Batch) (bad []connectors.Reject, err error) {
	if len(u.rows) == 0 {
		return nil, nil
	}
	u.keys.Reset(u.records.N())
	bad, err = u.key.Decode(&u.records, u.keys, nil)
	if err != nil {
		return nil, err
	}
	for i := range u.columns {
		dst.Cols[u.columns[i]].Own(dst.N)
	}
	at := 0
	for i, row := range u.rows {
		r := int(row &^ tombstone)
		if at < len(bad) && int(bad[at].Row) == i {
			bad[at].Row, bad[at].Reason = int32(r), "key: "+bad[at].Reason
			at++
			for _, c := range u.columns {
				dst.Cols[c].Set(r, dst.N, event.NullValue)
			}
			continue
		}
		u.take(dst, r, i, row&tombstone != 0)
		if null := u.nullKey(i); null != "" {
			bad = slices.Insert(bad, at, connectors.Reject{Row: int32(r), Reason: "key: field " + null + ": missing, or null"})
			at++
		}
	}
	return bad, nil
}

func (u *upserts) nullKey(i int) string {
	for k, c := range u.columns {
		if u.keys.Cols[k].Null(i) {
			return u.names[c]
		}
	}
	return ""
}

// take fills a row from key i.
func (u *upserts) take(dst *event.Batch, row, i int, deleted bool) {
	if deleted {
		dst.SetChange(row, event.Delete)
		for _, c := range u.others {
			dst.Cols[c].Set(row, dst.N, event.NullValue)
		}
	} else {
		dst.SetChange(row, event.UpdateAfter)
	}
	for k, c := range u.columns {
		v := &dst.Cols[c]
		if v.Nulls != nil {
			v.Nulls.Clear(row)
		}
		v.Set(row, dst.N, u.keys.Cols[k].Value(i))
	}
}
