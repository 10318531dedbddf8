package http

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/formats/cloudevents"
	"github.com/cepd/cepd/connectors/outbound"
)

// The options of a table whose rows are sent to a service.
const (
	optMethod        = "insert-method"
	optSinkHeader    = "http.sink.header."
	optBody          = "http.sink.body"
	optContentType   = "http.sink.content-type"
	optSuccess       = "http.sink.success-codes"
	optRetryCodes    = "http.sink.retry-codes"
	optSinkSecret    = "http.sink.hmac-secret"
	optSinkSignature = "http.sink.hmac-header"
	optSinkAlgorithm = "http.sink.hmac-algorithm"
)

const (
	defaultSuccess    = "2XX"
	defaultRetryCodes = "408,425,429,5XX"
)

// idempotencyHeader has the row's ID, in all repetitions
// (draft-ietf-httpapi-idempotency-key-header).
const idempotencyHeader = "Idempotency-Key"

// attributePrefix begins the headers of CloudEvents.
const attributePrefix = "ce-"

var sentSpecs = append([]connectors.OptionSpec{
	{Name: optMethod, Default: "POST", Doc: "Of the requests that rows are sent with: POST, PUT or PATCH.", Values: []string{"POST", "PUT", "PATCH"}},
	{Name: optSinkHeader, Prefix: true, Doc: "A header of these requests, such as http.sink.header.Authorization."},
	{Name: optBody, Doc: "Their body, with {{column}} for a value: escaped within a JSON string, a JSON value elsewhere. Default: the row in the table's format.", Check: checkBody},
	{Name: optContentType, Doc: "Content-Type of the body. Default: that of the format. With http.sink.body and another than JSON, values are put in as they are."},
	{Name: optSuccess, Default: defaultSuccess, Doc: "Answers by which a row is delivered.", Check: checkCodes},
	{Name: optRetryCodes, Default: defaultRetryCodes, Doc: "Answers after which it is sent again. With any other it is given up at once.", Check: checkCodes},
	{Name: optSinkSecret, Secret: true, Doc: "Of the signature of the body, an HMAC in hexadecimal. Default: there is none."},
	{Name: optSinkSignature, Default: defaultSignature, Doc: "Header with the signature, which has its algorithm and = before it."},
	{Name: optSinkAlgorithm, Default: "sha256", Doc: "sha256 or sha512.", Values: []string{"sha256", "sha512"}},
}, slices.Concat(outbound.Specs(), cloudevents.Specs())...)

func checkBody(value string) error {
	_, err := outbound.ParseTemplate(value)
	return err
}

// ofSent says whether an option is only of a table whose rows are sent.
func ofSent(name string) bool {
	return name == optMethod || strings.HasPrefix(name, "http.sink.") || strings.HasPrefix(name, "sink.") || strings.HasPrefix(name, "cloudevents.")
}

// Sink implements connectors.Connector.
func (connector) Sink(t connectors.Table) (connectors.Sink, error) {
	if t.Options[optURL] == "" {
		return nil, connectors.OptionError{Key: optURL, Missing: true, Message: "a table with 'connector' = 'http' that is written needs option 'url'",
			Hint: "the address that each row is sent to; a table without it is one that events are posted to"}
	}
	notSent := func(name string) bool {
		return ofPosted(name) || name != optURL && ofAsked(name) && !ofSent(name)
	}
	if err := keepApart(t, notSent, "a table with 'url' that is written has options http.sink.…, sink.… and those of its format"); err != nil {
		return nil, err
	}
	s, err := newWebhook(t)
	if err != nil {
		return nil, err
	}
	return s, s.bodies(t)
}

func newWebhook(t connectors.Table) (*webhook, error) {
	s := &webhook{table: t, method: t.Options[optMethod], header: map[string]string{}}
	if s.method == "" {
		s.method = "POST"
	}
	for key, value := range t.Options {
		if name, ok := strings.CutPrefix(key, optSinkHeader); ok {
			s.header[name] = value
		}
	}
	if err := s.address(t); err != nil {
		return nil, err
	}
	for _, x := range []struct {
		key, fallback string
		to            *codes
	}{{optSuccess, defaultSuccess, &s.success}, {optRetryCodes, defaultRetryCodes, &s.again}} {
		text := t.Options[x.key]
		if text == "" {
			text = x.fallback
		}
		var err error
		if *x.to, err = parseCodes(text); err != nil {
			return nil, connectors.OptionError{Key: x.key, Message: fmt.Sprintf("option '%s': %v", x.key, err)}
		}
	}
	s.sign = newSigner(t.Options)
	s.keys = keyColumns(t)
	var err error
	s.options, err = outbound.Parse(t)
	s.Caller = outbound.New(s.options, t.Log, s.send)
	return s, err
}

// address takes the URL, whose host must be one that may be called.
func (s *webhook) address(t connectors.Table) error {
	wrong := func(err error) error {
		return connectors.OptionError{Key: optURL, Message: "option 'url': " + err.Error()}
	}
	var err error
	if s.url, err = parseTemplate(t.Options[optURL]); err != nil {
		return wrong(err)
	}
	if err = s.url.bind(t.Columns); err != nil {
		return wrong(err)
	}
	s.url.query = nil // columns without a place are in the body
	u, err := url.Parse(strings.Join(s.url.texts, "x"))
	if err != nil {
		return wrong(err)
	}
	if err := t.Access.CheckAddress(hostPort(u)); err != nil {
		return wrong(err)
	}
	return nil
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return u.Host + map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
}

// bodies chooses what a body is made of.
func (s *webhook) bodies(t connectors.Table) (err error) {
	if _, given := t.Options[optBody]; given {
		err = s.template(t)
	} else if s.encoder, err = formats.NewEncoder(t); err == nil {
		s.header["Content-Type"] = contentType(t, formats.ContentType(t))
	}
	if err != nil {
		return err
	}
	if e, ok := s.encoder.(connectors.Attributed); ok {
		s.events = e
		if len(e.Attributes()) == 0 || t.Options[optContentType] == "" {
			s.header["Content-Type"] = e.ContentType()
		}
	}
	return nil
}

// contentType is that of the option, or else what bodies are.
func contentType(t connectors.Table, otherwise string) string {
	if text := t.Options[optContentType]; text != "" {
		return text
	}
	return otherwise
}

// template has bodies made of a text.
func (s *webhook) template(t connectors.Table) error {
	wrong := func(err error) error {
		if _, ok := err.(connectors.OptionError); ok {
			return err
		}
		return connectors.OptionError{Key: optBody, Message: fmt.Sprintf("option '%s': %v", optBody, err)}
	}
	if t.Changes {
		return wrong(fmt.Errorf("rows are updated and deleted, and a template has no place for that: leave it out, and the body has 'op'"))
	}
	kind := contentType(t, "application/json")
	s.header["Content-Type"] = kind
	parse, data := outbound.ParseTemplate, cloudevents.Data{ContentType: kind, Kind: cloudevents.Text}
	if isJSON(kind) {
		parse, data.Kind = outbound.ParseJSON, cloudevents.JSON
	}
	body, err := parse(t.Options[optBody])
	if err == nil {
		err = body.BindTable(t)
	}
	if err == nil {
		s.encoder, err = cloudevents.New(t, body, data)
	}
	if err != nil {
		return wrong(err)
	}
	return nil
}

func isJSON(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(kind)
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// keyColumns are the columns of the primary key.
func keyColumns(t connectors.Table) (at []int) {
	for i, c := range t.Columns {
		for _, k := range t.Key {
			if c.Name == k {
				at = append(at, i)
			}
		}
	}
	return at
}
