package outbound

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

func TestLink(t *testing.T) {
	secret, now := []byte("sesame"), time.Unix(1000, 0)
	token := SignLink(secret, "Answers", 1001, []byte(`{"id":7}`))
	if got, err := OpenLink(secret, "answers", token, now); err != nil || string(got) != `{"id":7}` {
		t.Errorf("%s %v", got, err)
	}
	for name, c := range map[string]struct {
		secret, table, token string
		now                  int64
		want                 error
	}{
		"another secret": {"other", "answers", token, 1000, ErrLink},
		"no secret":      {"", "answers", SignLink(nil, "answers", 0, []byte(`{}`)), 1000, ErrLink},
		"another table":  {"sesame", "answer", token, 1000, ErrLink},
		"expired":        {"sesame", "answers", token, 1001, ErrExpired},
		"cut":            {"sesame", "answers", token[:len(token)-1], 1000, ErrLink},
		"no signature":   {"sesame", "answers", token[:strings.IndexByte(token, '.')], 1000, ErrLink},
		"empty":          {"sesame", "answers", "", 1000, ErrLink},
		"no JSON":        {"sesame", "answers", SignLink(secret, "answers", 0, []byte(`{`)), 1000, ErrLink},
		"too long":       {"sesame", "answers", SignLink(secret, "answers", 0, []byte(`"`+strings.Repeat("x", maxLinkEvent)+`"`)), 1000, ErrLink},
	} {
		if got, err := OpenLink([]byte(c.secret), c.table, c.token, time.Unix(c.now, 0)); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
	for i := range token {
		changed := []byte(token)
		if changed[i]++; changed[i] == token[i] {
			continue
		}
		if _, err := OpenLink(secret, "answers", string(changed), now); !errors.Is(err, ErrLink) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
}

// TestLinkOfRow: the link of a row follows from the row, and posts its event.
func TestLinkOfRow(t *testing.T) {
	options := map[string]string{optLinkURL: "https://cepd.example/", optLinkTable: "my answers", optLinkSecret: "sesame", optLinkAge: "1 h",
		optLinkEvent + "yes": `{"card": {{card}}, "answer": "yes"}`}
	x, err := ParseJSON(`{"text": "Yes? {{link.yes}} <{{amount}}>"}`)
	if err == nil {
		err = x.BindTable(connectors.Table{Columns: templateColumns, Options: options})
	}
	if err != nil {
		t.Fatal(err)
	}
	b := templateRow(event.StringValue(`a"b`), 7)
	b.Time = append(b.Time[:0], 5_000_000)
	text := string(x.Append(nil, b, 0))
	if text != string(x.Append(nil, b, 0)) {
		t.Error("the link is another one when it is made again")
	}
	token, found := strings.CutPrefix(text, `{"text": "Yes? https://cepd.example/links/my%20answers/`)
	token, _, _ = strings.Cut(token, " ")
	if got, err := OpenLink([]byte("sesame"), "my answers", token, time.Unix(3604, 0)); !found || err != nil || string(got) != `{"card": "a\"b", "answer": "yes"}` {
		t.Errorf("%s: %s %v", text, got, err)
	}
	if _, err := OpenLink([]byte("sesame"), "my answers", token, time.Unix(3605, 0)); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
	for name, wrong := range map[string]map[string]string{
		"is no column":    {optLinkEvent + "yes": `{"card": {{none}}}`},
		"needs option":    {optLinkEvent + "yes": "", optLinkEvent + "no": `{}`},
		"a JSON object":   {optLinkEvent + "yes": `[{{card}}]`},
		"it is no JSON":   {optLinkEvent + "yes": `{`},
		"links need":      {optLinkSecret: ""},
		"links need opti": {optLinkURL: ""},
	} {
		table := connectors.Table{Columns: templateColumns, Options: map[string]string{}}
		for k, v := range options {
			table.Options[k] = v
		}
		for k, v := range wrong {
			if table.Options[k] = v; v == "" {
				delete(table.Options, k)
			}
		}
		x, _ := ParseJSON(`["{{link.yes}}"]`)
		if err := x.BindTable(table); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
