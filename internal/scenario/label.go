package scenario

import (
	"time"
)

// Label is a story that was planted: one that a rule should find, or a decoy.
type Label struct {
	Story    string
	Rule     string // "": a decoy, which no rule should find
	Key      []Field
	From, To time.Time // of its first and its last event
	Telling  int       // that of its events
}

// label is what a told story leaves for the count, without its times.
func (t *teller) label(f *File, s *scene) (list []Label) {
	for _, find := range t.finds {
		list = append(list, Label{Story: t.name, Rule: f.Rules[find.rule].Name, Key: find.key.draw(s, nil)})
	}
	if len(list) == 0 && t.planted {
		decoy := Label{Story: t.name}
		for i, p := range t.parts {
			v := s.vars[i].Value
			v.fields = nil
			decoy.Key = append(decoy.Key, Field{p.name, v})
		}
		list = append(list, decoy)
	}
	return list
}

// AppendJSON appends the label as a line of labels.jsonl.
func (l *Label) AppendJSON(b []byte) []byte {
	rule := Value{}
	if l.Rule != "" {
		rule = Value{kind: text, text: l.Rule}
	}
	return appendFields(b, []Field{
		{"story", Value{kind: text, text: l.Story}}, {"rule", rule}, {"key", Value{kind: record, fields: l.Key}},
		{"from", ofTime(l.From)}, {"to", ofTime(l.To)},
	})
}

// keyText is a key as one text, to compare by.
func keyText(fields []Field) string {
	var b []byte
	for i := range fields {
		b = fields[i].Value.AppendText(b)
		b = append(b, 0)
	}
	return string(b)
}
