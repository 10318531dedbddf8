package outbound

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
)

// A link posts an event to a table of a server when somebody follows it and confirms:
//
//	URL/links/TABLE/TOKEN    TOKEN = base64url(expiry, s since 1970, 8 bytes | event) . base64url(HMAC-SHA256)
//
// The signature is over the table's name as well. Nobody can make one, or change the
// event, without the secret; whoever has it may post this event, so it goes to whom it
// is for.
const (
	linkPlace    = "link." // {{link.NAME}} in a template
	maxLinkEvent = 1 << 10
)

// The options of links.
const (
	optLinkURL    = "sink.link.url"
	optLinkTable  = "sink.link.table"
	optLinkSecret = "sink.link.secret"
	optLinkAge    = "sink.link.expires-after"
	optLinkEvent  = "sink.link.event."
)

const defaultLinkAge = 7 * 24 * time.Hour

func linkSpecs() []connectors.OptionSpec {
	return []connectors.OptionSpec{
		{Name: optLinkEvent, Prefix: true, Doc: "sink.link.event.NAME: the event, a template of a JSON object, that the link {{link.NAME}} of a template posts when it is followed and confirmed."},
		{Name: optLinkURL, Doc: "Where people reach the server that has the table, such as https://cepd.example.", Check: checkLinkURL},
		{Name: optLinkTable, Doc: "Table of that server that links post to."},
		{Name: optLinkSecret, Secret: true, Doc: "Signs links: the 'http.link-secret' of that table."},
		{Name: optLinkAge, Default: "7 d", Doc: "How long a link works, from the event time of the row on.", Check: checkPauseOfLinks},
	}
}

func checkLinkURL(value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("expected http://… or https://…, without parameters")
	}
	return nil
}

func checkPauseOfLinks(value string) error {
	d, err := duration.Parse(value)
	if err == nil && d < time.Second {
		err = fmt.Errorf("expected a second or more, found '%s'", value)
	}
	return err
}

// links makes links.
type links struct {
	url, table string
	secret     []byte
	age        time.Duration
	events     map[string]*Template // by name
}

// newLinks are those of a table's options.
func newLinks(t connectors.Table) (*links, error) {
	l := &links{url: strings.TrimSuffix(t.Options[optLinkURL], "/"), table: t.Options[optLinkTable], secret: []byte(t.Options[optLinkSecret]), age: defaultLinkAge, events: map[string]*Template{}}
	if text := t.Options[optLinkAge]; text != "" {
		l.age, _ = duration.Parse(text) // it has been checked
	}
	for key, text := range t.Options {
		name, ok := strings.CutPrefix(key, optLinkEvent)
		if !ok {
			continue
		}
		x, err := ParseJSON(text)
		if err == nil && !strings.HasPrefix(strings.TrimSpace(text), "{") {
			err = errors.New("expected a JSON object")
		}
		if err == nil {
			err = x.Bind(t.Columns)
		}
		if err != nil {
			return nil, connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s': %v", key, err)}
		}
		l.events[name] = x
	}
	if len(l.events) > 0 && (l.url == "" || l.table == "" || len(l.secret) == 0) {
		return nil, connectors.OptionError{Key: optLinkURL, Missing: l.url == "", Message: fmt.Sprintf("links need options '%s', '%s' and '%s'", optLinkURL, optLinkTable, optLinkSecret)}
	}
	return l, nil
}

// of is the link of a row. It follows from the row alone, so that it is the same in
// every repetition.
func (l *links) of(x *Template, b *event.Batch, row int) string {
	var expires int64
	if t := RowTime(b, row); t != event.MinTime {
		expires = t/1e6 + int64(l.age/time.Second)
	}
	return l.url + "/links/" + url.PathEscape(l.table) + "/" + SignLink(l.secret, l.table, expires, x.Append(nil, b, row))
}

// RowTime is a row's event time; event.MinTime where it has none.
func RowTime(b *event.Batch, row int) event.Time {
	if len(b.Time) == 0 {
		return event.MinTime
	}
	return b.Time[row]
}

// SignLink is the token of a link; expires is in s since 1970, 0: never.
func SignLink(secret []byte, table string, expires int64, event []byte) string {
	payload := append(binary.BigEndian.AppendUint64(nil, uint64(expires)), event...)
	return base64.RawURLEncoding.EncodeToString(payload) + "." + base64.RawURLEncoding.EncodeToString(linkSum(secret, table, payload))
}

func linkSum(secret []byte, table string, payload []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "cepd link %d %s ", len(table), strings.ToLower(table))
	mac.Write(payload)
	return mac.Sum(nil)
}

// What OpenLink answers.
var (
	ErrLink    = errors.New("the link is not valid")
	ErrExpired = errors.New("the link has expired")
)

// OpenLink is the event of a token.
func OpenLink(secret []byte, table, token string, now time.Time) (event []byte, err error) {
	head, tail, _ := strings.Cut(token, ".")
	payload, err1 := base64.RawURLEncoding.Strict().DecodeString(head)
	sum, err2 := base64.RawURLEncoding.Strict().DecodeString(tail)
	if err1 != nil || err2 != nil || len(secret) == 0 || len(payload) < 8 || len(payload) > 8+maxLinkEvent || !hmac.Equal(sum, linkSum(secret, table, payload)) {
		return nil, ErrLink
	}
	expires := int64(binary.BigEndian.Uint64(payload))
	if event = payload[8:]; !json.Valid(event) {
		return nil, ErrLink
	}
	if expires != 0 && now.Unix() >= expires {
		return nil, ErrExpired
	}
	return event, nil
}
