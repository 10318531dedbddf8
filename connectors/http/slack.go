package http

import (
	"context"
	"encoding/json"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/outbound"
	"github.com/cepd/cepd/internal/event"
)

// The options of the connector 'slack'.
const (
	optHook = "slack.webhook-url"
	optText = "slack.text"
)

type slack struct{}

// NewSlack is the connector 'slack': an incoming webhook of Slack, or of another chat
// that takes {"text": …}. Rows are messages, several of them one when there are many.
func NewSlack() connectors.Connector { return slack{} }

func (slack) Name() string                        { return "slack" }
func (slack) Metadata() []connectors.MetadataSpec { return nil }

func (slack) Options() []connectors.OptionSpec {
	return append(append([]connectors.OptionSpec{
		{Name: optHook, Required: true, Secret: true, Doc: "The address of the incoming webhook. Whoever has it may post there.", Check: checkURL},
		{Name: optText, Required: true, Doc: "The message, with {{column}} for a value.", Check: checkBody},
	}, outbound.DigestSpecs()...), outbound.Specs()...)
}

func (slack) Source(connectors.Table) (connectors.Source, error) {
	return nil, connectors.ErrNotSource
}

// Sink implements connectors.Connector.
func (slack) Sink(t connectors.Table) (connectors.Sink, error) {
	hook := t.Options[optHook]
	t.Options = sinkOptions(t.Options, hook)
	w, err := newWebhook(t)
	if err != nil {
		return nil, err
	}
	text, err := outbound.ParseTemplate(t.Options[optText])
	if err == nil {
		err = text.BindTable(t)
	}
	if err != nil {
		return nil, connectors.OptionError{Key: optText, Message: "option '" + optText + "': " + err.Error()}
	}
	w.header["Content-Type"] = "application/json"
	s := &slackSink{webhook: w, text: text}
	s.digest = outbound.NewDigest(t, w.Caller, func(m outbound.Message) *outbound.Call {
		body, _ := json.Marshal(map[string]string{"text": m.Text}) // strings always encode
		return &outbound.Call{Rows: m.Rows, Target: hook, Body: body}
	})
	return s, nil
}

// sinkOptions are those of a table with the address in the place of a webhook's.
func sinkOptions(options map[string]string, url string) map[string]string {
	own := map[string]string{optURL: url}
	for k, v := range options {
		if k != optHook {
			own[k] = v
		}
	}
	return own
}

// slackSink sends messages; how, it has from a webhook.
type slackSink struct {
	*webhook
	text   *outbound.Template
	digest *outbound.Digest
}

// Write implements connectors.Sink.
func (s *slackSink) Write(_ context.Context, b *event.Batch) error {
	for n := range b.Live() {
		row := b.Row(n)
		text := s.text.Append(nil, b, row)
		s.digest.Add(outbound.Message{Rows: []outbound.Row{{ID: b.ID[row], Time: outbound.RowTime(b, row), Value: text}}, Text: string(text)})
	}
	return nil
}

// Flush implements connectors.Sink.
func (s *slackSink) Flush(ctx context.Context) error { return s.digest.Flush(ctx) }
