package http

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
	"github.com/cepd/cepd/state/intake"
)

var postedColumns = []connectors.Column{{Name: "a", Type: event.TInt64}, {Name: "b", Type: event.TString}}

func postedTable(options ...string) connectors.Table {
	t := connectors.Table{Name: "t", Query: "q", Columns: postedColumns, Physical: postedColumns, Options: map[string]string{"format": "json"}}
	for i := 0; i < len(options); i += 2 {
		t.Options[options[i]] = options[i+1]
	}
	return t
}

func newPoster(t *testing.T, options ...string) *Poster {
	t.Helper()
	p, err := NewPoster(postedTable(options...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRecords(t *testing.T) {
	for _, c := range []struct{ format, kind, body, want string }{
		{"json", "application/json", ` {"a":1} `, `{"a":1}`},
		{"json", "application/json; charset=utf-8", `[{"a":1}, {"b":"x\ny"}]`, `{"a":1}|{"b":"x\ny"}`},
		{"json", "", "{\n\"a\":1\n}\n{\"a\":2}", "{\n\"a\":1\n}|{\"a\":2}"},
		{"json", "application/x-ndjson", "{\"a\":1}\n\n{\"a\":2}\n", `{"a":1}|{"a":2}`},
		{"csv", "text/csv", "1,x\n2,\"y\nz\"\n", "1,x|2,\"y\nz\""},
		{"json", "application/json", "", "the body has no record"},
		{"json", "application/json", "[]", "the body has no record"},
		{"json", "application/json", `{"a":1}{"a":`, "record 2: at byte"},
		{"json", "application/json", `[{"a":1},{"a":"x"}]`, "record 2: field a"},
		{"json", "application/x-ndjson", "{\"a\":1}\n{\"a\":\n2}", "record 2:"},
		{"json", "application/json", "[" + strings.Repeat("{},", 10_000) + "{}]", "at most 10000"},
		{"json", "a/b/c", "{}", "content type"},
		{"csv", "text/csv", "x,y\n", "record 1:"},
	} {
		records, err := newPoster(t, "format", c.format).Records(c.kind, nil, []byte(c.body))
		var got []string
		for _, r := range records {
			got = append(got, string(r.Value))
		}
		text := strings.Join(got, "|")
		if err != nil {
			text = err.Error()
		}
		if err == nil && text != c.want || err != nil && !strings.Contains(text, c.want) {
			t.Errorf("%s %s %.40s: %.200s, want %s", c.format, c.kind, c.body, text, c.want)
		}
	}
}

// TestHostileBodies posts the corpus: all of it is refused or is records, and
// nothing is shared between posts.
func TestHostileBodies(t *testing.T) {
	for _, format := range []string{"json", "csv"} {
		records, err := hostile.Records(map[string][]byte{"json": []byte(`{"a":1,"b":"x"}`), "csv": []byte("1,x")}[format])
		if err != nil {
			t.Fatal(err)
		}
		p := newPoster(t, "format", format)
		for _, r := range records {
			for _, kind := range []string{"application/json", "application/x-ndjson", "text/plain"} {
				if list, err := p.Records(kind, nil, r.Data); err == nil && len(list) == 0 {
					t.Errorf("%s: neither records nor an error", r.Name)
				}
			}
			good := map[string]string{"json": `{"a":1}`, "csv": "1,x"}[format]
			if list, err := p.Records("", nil, []byte(good)); err != nil || len(list) != 1 {
				t.Fatalf("after %s: %v %v", r.Name, list, err)
			}
		}
	}
}

func TestSignature(t *testing.T) {
	p := newPoster(t, optSecret, "key", optSignature, "X-Sig")
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write([]byte("body"))
	good := hex.EncodeToString(mac.Sum(nil))
	for signature, want := range map[string]bool{good: true, "sha256=" + good: true, strings.ToUpper(good): true, "": false, "sha512=" + good: false, good[:62]: false, good + "00": false, "zz": false, "00" + good[2:]: good[:2] == "00"} {
		if err := p.Verify(signature, []byte("body")); (err == nil) != want {
			t.Errorf("%q: %v", signature, err)
		}
	}
	if p.SignatureHeader() != "X-Sig" || errors.Is(p.Verify(good, []byte("other")), nil) {
		t.Error("a signature of another body is taken")
	}
	if p := newPoster(t); p.Verify("", nil) != nil || p.SignatureHeader() != "" {
		t.Error("a signature is asked for")
	}
}

func TestOptionsAreKeptApart(t *testing.T) {
	for _, c := range []struct {
		options []string
		want    string
	}{
		{[]string{"url", "https://x/{a}"}, "it is asked for the rows of a key"},
		{[]string{"lookup.cache", "PARTIAL"}, "option 'lookup.cache' does not belong here"},
		{[]string{"scan.startup.mode", "timestamp"}, "go together"},
		{[]string{"scan.startup.timestamp-millis", "1"}, "go together"},
		{[]string{"format", "what"}, "unknown format"},
	} {
		if _, err := New(nil).Source(postedTable(c.options...)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.options, err)
		}
	}
	asked := postedTable("url", "https://x/{a}", optSecret, "s")
	if _, err := New(nil).(connectors.Asked).Looker(asked, postedColumns[:1]); err == nil || !strings.Contains(err.Error(), "'http.hmac-secret' does not belong here") {
		t.Error(err)
	}
	s, err := New(nil).Source(postedTable())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Partitions(t.Context()); err == nil || !strings.Contains(err.Error(), "cepd serve") {
		t.Error(err)
	}
}

// TestReading reads posts from and to each place.
func TestReading(t *testing.T) {
	now := &clock.Manual{}
	logs := intake.New(now)
	if err := logs.Open(nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	l, err := logs.Log("t")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		now.Advance(time.Second)
		if _, err := l.Append(t.Context(), &intake.Post{Records: []intake.Record{{Value: fmt.Append(nil, 2*i)}, {Value: fmt.Append(nil, 2*i+1)}}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		options     []string
		from, until int64
		want        string
	}{
		{nil, connectors.Start, -1, "0 1 2 3 4 5 6 7 8 9"},
		{nil, 7, -1, "7 8 9"},
		{nil, 3, 6, "3 4 5"},
		{[]string{"scan.startup.mode", "latest-offset"}, connectors.Start, -1, ""},
		{[]string{"scan.startup.mode", "timestamp", "scan.startup.timestamp-millis", "3000"}, connectors.Start, -1, "4 5 6 7 8 9"},
		{[]string{optBounded, "timestamp", "scan.bounded.timestamp-millis", "3000"}, connectors.Start, -1, "0 1 2 3 EOF"},
		{[]string{optBounded, "latest-offset"}, 8, -1, "8 9 EOF"},
		{[]string{"scan.startup.mode", "timestamp", "scan.startup.timestamp-millis", "9000"}, connectors.Start, -1, ""},
	} {
		src, err := New(logs).Source(postedTable(c.options...))
		if err != nil {
			t.Fatal(err)
		}
		r, err := src.Open(t.Context(), 0, c.from, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if got := poll(t, r.(connectors.RawReader), c.until); got != c.want {
			t.Errorf("%v: %s, want %s", c, got, c.want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	past := map[string]string{"scan.startup.timestamp-millis": "1"}
	New(logs).(connectors.Historian).History(past, time.UnixMilli(7), time.Time{})
	if want := map[string]string{"scan.startup.mode": "timestamp", "scan.startup.timestamp-millis": "7", optBounded: "latest-offset"}; !maps.Equal(past, want) {
		t.Error(past)
	}
}

func poll(t *testing.T, r connectors.RawReader, until int64) string {
	var got []string
	raw := &connectors.RawBatch{}
	for {
		err := r.Poll(3, until, raw)
		if errors.Is(err, io.EOF) {
			return strings.Join(append(got, "EOF"), " ")
		}
		if err != nil {
			t.Fatal(err)
		}
		if raw.N() == 0 {
			return strings.Join(got, " ")
		}
		for i, s := range raw.Value {
			text := string(raw.Buf[s.Off : s.Off+s.Len])
			if got = append(got, text); fmt.Sprint(raw.Offset[i]) != text {
				t.Errorf("%s is at offset %d", text, raw.Offset[i])
			}
		}
	}
}
