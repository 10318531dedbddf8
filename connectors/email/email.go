package email

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/outbound"
)

// The options.
const (
	optHost     = "smtp.host"
	optPort     = "smtp.port"
	optTLS      = "smtp.tls"
	optCA       = "smtp.ca-file"
	optUser     = "smtp.username"
	optPassword = "smtp.password"
	optFrom     = "email.from"
	optTo       = "email.to"
	optSubject  = "email.subject"
	optText     = "email.text"
)

type connector struct{}

// New is the connector 'email'.
func New() connectors.Connector { return connector{} }

func (connector) Name() string                        { return "email" }
func (connector) Metadata() []connectors.MetadataSpec { return nil }

func (connector) Options() []connectors.OptionSpec {
	return append(append([]connectors.OptionSpec{
		{Name: optHost, Required: true, Doc: "The mail server."},
		{Name: optPort, Doc: "Its port. Default: 587; with smtp.tls = tls 465; with none 25.", Check: connectors.CheckInt(1, 65535)},
		{Name: optTLS, Default: "starttls", Doc: "starttls (which the server has to offer), tls (from the start) or none.", Values: []string{"starttls", "tls", "none"}},
		{Name: optCA, Doc: "File with the certificates that the server's is checked against. Default: those of the system."},
		{Name: optUser, Doc: "Name to log in with. Default: nobody logs in."},
		{Name: optPassword, Secret: true, Doc: "Its password."},
		{Name: optFrom, Required: true, Doc: "Sender, such as cepd <cepd@example.org>.", Check: checkAddresses},
		{Name: optTo, Required: true, Doc: "Receivers, separated by commas.", Check: checkAddresses},
		{Name: optSubject, Required: true, Doc: "Subject, with {{column}} for a value.", Check: checkTemplate},
		{Name: optText, Required: true, Doc: "Text of the mail, with {{column}} for a value.", Check: checkTemplate},
	}, outbound.DigestSpecs()...), outbound.Specs()...)
}

func checkTemplate(value string) error {
	_, err := outbound.ParseTemplate(value)
	return err
}

func checkAddresses(value string) error {
	_, err := mail.ParseAddressList(value)
	return err
}

func (connector) Source(connectors.Table) (connectors.Source, error) {
	return nil, connectors.ErrNotSource
}

// Sink implements connectors.Connector.
func (connector) Sink(t connectors.Table) (connectors.Sink, error) {
	s := &sink{table: t, from: t.Options[optFrom]}
	list, err := mail.ParseAddressList(t.Options[optTo])
	if err != nil {
		return nil, connectors.OptionError{Key: optTo, Message: fmt.Sprintf("option '%s': %v", optTo, err)}
	}
	for _, a := range list {
		s.to = append(s.to, a.String())
	}
	for key, to := range map[string]**outbound.Template{optSubject: &s.subject, optText: &s.text} {
		x, err := outbound.ParseTemplate(t.Options[key])
		if err == nil {
			err = x.BindTable(t)
		}
		if err != nil {
			return nil, connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s': %v", key, err)}
		}
		*to = x
	}
	if (t.Options[optUser] == "") != (t.Options[optPassword] == "") {
		return nil, connectors.OptionError{Key: optUser, Message: fmt.Sprintf("options '%s' and '%s' go together", optUser, optPassword)}
	}
	if t.Options[optUser] != "" && t.Options[optTLS] == "none" {
		return nil, connectors.OptionError{Key: optTLS, Message: "a password would go over the network in the clear: leave out option 'smtp.tls'"}
	}
	if err := t.Access.CheckAddress(fmt.Sprintf("%s:%d", t.Options[optHost], port(t))); err != nil {
		return nil, connectors.OptionError{Key: optHost, Message: fmt.Sprintf("option '%s': %v", optHost, err)}
	}
	options, err := outbound.Parse(t)
	if err != nil {
		return nil, err
	}
	options.InFlight, s.timeout = 1, options.Timeout
	s.Caller = outbound.New(options, t.Log, s.send)
	s.digest = outbound.NewDigest(t, s.Caller, func(m outbound.Message) *outbound.Call {
		return &outbound.Call{Rows: m.Rows, Target: oneLine(m.Subject), Body: []byte(m.Text)}
	})
	return s, nil
}

// port is that of the server.
func port(t connectors.Table) int {
	usual, known := map[string]int64{"tls": 465, "none": 25}[t.Options[optTLS]]
	if !known {
		usual = 587
	}
	return int(t.Int(optPort, usual))
}

// oneLine keeps a value of a row from ending the header.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\r' || r == '\n' }), " ")
}

// verdict is what an error of the library means.
func verdict(err error) outbound.Answer {
	a := outbound.Answer{Verdict: outbound.Again, Broken: true, Reason: err.Error()}
	var refused *gomail.SendError
	if errors.As(err, &refused) {
		a.Status, a.Broken = refused.ErrorCode(), false
		if a.Status >= 500 && !refused.IsTemp() {
			a.Verdict = outbound.Never
		}
	}
	return a
}
