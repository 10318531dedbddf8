package syslog

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	lib "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

// Options of the decoder.
type Options struct {
	RFC  string         // Auto, RFC5424 or RFC3164
	Zone *time.Location // of timestamps of RFC 3164; nil: UTC
}

// The formats of messages.
const (
	Auto    = "auto"
	RFC5424 = "5424"
	RFC3164 = "3164"
)

// message is what both formats have; version and data are of RFC 5424.
type message struct {
	*lib.Base
	version uint16
	data    map[string]map[string]string
}

// setter fills row i of a column.
type setter func(v *event.Vec, i int, n int, m *message)

// Decoder implements connectors.Decoder.
type Decoder struct {
	opts    Options
	columns []int // that are of the message
	setters []setter
	modern  lib.Machine
	old     lib.Machine
}

// New is a decoder of messages into columns.
func New(columns []connectors.Column, opts Options) (*Decoder, error) {
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	d := &Decoder{opts: opts, modern: rfc5424.NewParser(rfc5424.WithCompliantMsg()),
		old: rfc3164.NewParser(rfc3164.WithRFC3339(), rfc3164.WithLenientDay(), rfc3164.WithSecondFractions(), rfc3164.WithEmbeddedNewlines())}
	for i, c := range columns {
		if c.Metadata != "" {
			continue
		}
		set, err := setterOf(c)
		if err != nil {
			return nil, err
		}
		d.columns, d.setters = append(d.columns, i), append(d.setters, set)
	}
	return d, nil
}

// texts are the fields that are texts.
var texts = map[string]func(m *message) *string{
	"hostname": func(m *message) *string { return m.Hostname },
	"appname":  func(m *message) *string { return m.Appname },
	"procid":   func(m *message) *string { return m.ProcID },
	"msgid":    func(m *message) *string { return m.MsgID },
	"message":  func(m *message) *string { return m.Message },
}

// words are the fields that are numbers with names.
var words = map[string]struct {
	number func(m *message) *uint8
	name   func(m *message) *string
}{
	"facility": {func(m *message) *uint8 { return m.Facility }, func(m *message) *string { return m.FacilityLevel() }},
	"severity": {func(m *message) *uint8 { return m.Severity }, func(m *message) *string { return m.SeverityShortLevel() }},
}

// names are the columns that there may be.
const names = "facility, severity, version, timestamp, hostname, appname, procid, msgid, structured_data, message"

func setterOf(c connectors.Column) (setter, error) {
	name := strings.ToLower(c.Name)
	word, isWord := words[name]
	text, isText := texts[name]
	switch {
	case isWord && c.Type.Integer():
		return number(func(m *message) (int64, bool) { return ofPointer(word.number(m)) }), nil
	case isWord && c.Type.Kind == event.String:
		return textual(word.name), nil
	case isText && c.Type.Kind == event.String:
		return textual(text), nil
	case name == "version" && c.Type.Integer():
		return number(func(m *message) (int64, bool) { return int64(m.version), m.version > 0 }), nil
	case name == "timestamp" && c.Type.Instant():
		return number(func(m *message) (int64, bool) {
			if m.Timestamp == nil {
				return 0, false
			}
			return m.Timestamp.UnixMicro(), true
		}), nil
	case name == "structured_data" && c.Type.Kind == event.String:
		return setData, nil
	case isWord, isText, name == "version", name == "timestamp", name == "structured_data":
		return nil, connectors.OptionError{Key: c.Name, Message: fmt.Sprintf("column %s of a syslog message is not %s", c.Name, c.Type),
			Hint: "facility and severity are INT or STRING, version is INT, timestamp is TIMESTAMP or TIMESTAMP_LTZ, the others are STRING"}
	}
	return nil, connectors.OptionError{Key: c.Name, Message: fmt.Sprintf("a syslog message has no column %s", c.Name), Hint: "it has " + names}
}

func ofPointer(p *uint8) (int64, bool) {
	if p == nil {
		return 0, false
	}
	return int64(*p), true
}

func number(get func(m *message) (int64, bool)) setter {
	return func(v *event.Vec, i, n int, m *message) {
		x, ok := get(m)
		if !ok {
			v.Set(i, n, event.NullValue)
			return
		}
		v.Set(i, n, event.IntValue(x))
	}
}

func textual(get func(m *message) *string) setter {
	return func(v *event.Vec, i, n int, m *message) {
		p := get(m)
		if p == nil {
			v.Set(i, n, event.NullValue)
			return
		}
		v.Set(i, n, event.StringValue(*p))
	}
}

// setData is the structured data as JSON: {"auth@1":{"user":"ann"}}.
func setData(v *event.Vec, i, n int, m *message) {
	if len(m.data) == 0 {
		v.Set(i, n, event.NullValue)
		return
	}
	text, _ := json.Marshal(m.data) // texts, in the order of their keys
	v.Set(i, n, event.Value{S: text})
}

// Decode implements connectors.Decoder.
func (d *Decoder) Decode(raw *connectors.RawBatch, dst *event.Batch, rejects []connectors.Reject) ([]connectors.Reject, error) {
	for i, s := range raw.Value {
		m, err := d.parse(raw.Buf[s.Off:s.Off+s.Len], raw.Time[i])
		if err != nil {
			rejects = append(rejects, connectors.Reject{Row: int32(i), Reason: err.Error()})
			m = &message{Base: &lib.Base{}}
		}
		for k, c := range d.columns {
			d.setters[k](&dst.Cols[c], i, dst.N, m)
		}
	}
	return raw.AppendFaults(rejects), nil
}

// modernHead says whether a message begins as RFC 5424 has it: <PRI>1 and a blank.
func modernHead(text []byte) bool {
	for i := 1; i < min(len(text), 5); i++ {
		if text[i] == '>' {
			return len(text) > i+2 && text[i+1] == '1' && text[i+2] == ' '
		}
	}
	return false
}

func (d *Decoder) parse(text []byte, came event.Time) (*message, error) {
	if d.opts.RFC == RFC5424 || d.opts.RFC != RFC3164 && modernHead(text) {
		got, err := d.modern.Parse(text)
		m, ok := got.(*rfc5424.SyslogMessage)
		if err != nil || !ok {
			return nil, fault(RFC5424, err)
		}
		out := &message{Base: &m.Base, version: m.Version}
		if m.StructuredData != nil {
			out.data = *m.StructuredData
		}
		return out, nil
	}
	got, err := d.old.Parse(text)
	m, ok := got.(*rfc3164.SyslogMessage)
	if err != nil || !ok {
		return nil, fault(RFC3164, err)
	}
	return &message{Base: &m.Base}, d.addYear(&m.Base, came)
}

func fault(rfc string, err error) error {
	return fmt.Errorf("no syslog message of RFC %s: %.200v", rfc, err)
}

// addYear gives a timestamp that has none the year that brings it next to a time,
// and the zone.
func (d *Decoder) addYear(m *lib.Base, came event.Time) error {
	if m.Timestamp == nil || m.Timestamp.Year() != 0 {
		return nil
	}
	if came == 0 {
		return fmt.Errorf("the timestamp has no year, and when the message came is not known")
	}
	near := time.UnixMicro(came).In(d.opts.Zone)
	best := time.Time{}
	for year := near.Year() - 1; year <= near.Year()+1; year++ {
		t := m.Timestamp
		at := time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), d.opts.Zone)
		if best.IsZero() || at.Sub(near).Abs() < best.Sub(near).Abs() {
			best = at
		}
	}
	m.Timestamp = &best
	return nil
}
