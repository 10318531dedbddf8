package outbound

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

var templateColumns = []connectors.Column{{Name: "card", Type: event.TString}, {Name: "amount", Type: event.TInt64}}

func templateRow(card event.Value, amount int64) *event.Batch {
	b := event.NewBatch(event.NewSchema(event.Field{Name: "card", Type: event.TString}, event.Field{Name: "amount", Type: event.TInt64}))
	b.Reset(1)
	b.Cols[0].Set(0, 1, card)
	b.Cols[1].Set(0, 1, event.IntValue(amount))
	return b
}

func TestTemplate(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                      "plain",
		"{{card}} {{ AMOUNT }}!":     "a\"b\n 7!",
		"{ {{amount}} }":             "{ 7 }",
		"{{amount}}{{amount}}":       "77",
		`{"text": "{{card}}"}`:       "{\"text\": \"a\"b\n\"}",
		"{{{amount}}":                "error",
		"{{amount":                   "error",
		"{{}}":                       "error",
		"{{none}}":                   "error",
		"a }} b {{amount}} }} { {x}": "a }} b 7 }} { {x}",
	} {
		got := "error"
		if x, err := ParseTemplate(text); err == nil && x.Bind(templateColumns) == nil {
			got = string(x.Append(nil, templateRow(event.StringValue("a\"b\n"), 7), 0))
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestJSONTemplate(t *testing.T) {
	for text, want := range map[string]string{
		`{"text": "{{card}} {{amount}}", "card": {{card}}, "n": {{amount}}}`: `{"text": "a\"b\n 7", "card": "a\"b\n", "n": 7}`,
		`{"a\\": "\"{{card}}"}`:    `{"a\\": "\"a\"b\n"}`,
		`[{{amount}}, {{card}}]`:   `[7, "a\"b\n"]`,
		`{{card}}`:                 `"a\"b\n"`,
		`{"text": {{card}}`:        "error",
		`{"text": x{{card}}}`:      "error",
		`{"text": "{{card}}}`:      "error",
		`{ "a": 1, {{amount}}: 2}`: "error",
	} {
		got := "error"
		if x, err := ParseJSON(text); err == nil && x.Bind(templateColumns) == nil {
			got = string(x.Append(nil, templateRow(event.StringValue("a\"b\n"), 7), 0))
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	x, err := ParseJSON(`{"text": "<{{card}}>", "card": {{card}}}`)
	if err == nil {
		err = x.Bind(templateColumns)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := string(x.Append(nil, templateRow(event.Value{Null: true}, 7), 0)); got != `{"text": "<>", "card": null}` {
		t.Error(got)
	}
}

// FuzzJSONTemplate: whatever a value has in it, the body is JSON with that value.
func FuzzJSONTemplate(f *testing.F) {
	f.Add(`{"text": "{{card}}", "card": {{card}}}`, "a\"},{\\")
	f.Add(`"{{card}}"`, "\u2028\x00\xff")
	f.Fuzz(func(t *testing.T, text, card string) {
		x, err := ParseJSON(text)
		if err != nil || x.Bind(templateColumns) != nil {
			return
		}
		body := x.Append(nil, templateRow(event.StringValue(card), 7), 0)
		if !json.Valid(body) {
			t.Errorf("%q with %q: %s", text, card, body)
		}
		var got struct{ Text, Card string }
		if text == `{"text": "{{card}}", "card": {{card}}}` {
			want := strings.ToValidUTF8(card, "\ufffd")
			if err := json.Unmarshal(body, &got); err != nil || len(card) == len(want) && (got.Text != card || got.Card != card) {
				t.Errorf("%q: %+v", card, got)
			}
		}
	})
}
