package http

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
)

func TestSlack(t *testing.T) {
	r := newReceiver(t, nil)
	table := hookTable(map[string]string{"connector": "slack", "slack.webhook-url": r.server.URL + "/hooks/7", "slack.text": `It is "{{name}}"`, "digest.messages": "1", "digest.interval": "100 ms"})
	delete(table.Options, "format")
	made, err := NewSlack().Sink(table)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer made.Close()
	b := hookRows(1, 2, 3)
	if err := made.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := made.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := r.requests()
	if first := all[0]; first.uri != "/hooks/7" || first.body != `{"text":"It is \"n/1 \"x\"\""}` || first.key != event.Detection(7, 1).Hex() {
		t.Errorf("%+v", first)
	}
	var texts string
	for _, x := range all {
		texts += x.body
	}
	if strings.Count(texts, "It is") != 3 || made.(connectors.Active).Activity().Rows != 3 {
		t.Error(texts)
	}
	for option, want := range map[string]string{"slack.text": "{{none}} is no column", "slack.webhook-url": "option 'url'"} {
		bad := hookTable(map[string]string{"slack.webhook-url": "http://h/", "slack.text": "x"})
		bad.Options[option] = "{{none}}"
		if _, err := NewSlack().Sink(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", option, err)
		}
	}
}

// TestSlackRestart: the chat goes and comes back, and each message comes.
func TestSlackRestart(t *testing.T) {
	r := newReceiver(t, nil)
	table := hookTable(map[string]string{"connector": "slack", "slack.webhook-url": r.server.URL, "slack.text": "n{{id}}", "sink.max-retries": "100000"})
	delete(table.Options, "format")
	made, err := NewSlack().Sink(table)
	if err != nil {
		t.Fatal(err)
	}
	s := made.(*slackSink)
	send := func(ids ...int64) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return errors.Join(s.Write(ctx, hookRows(ids...)), s.Flush(ctx))
	}
	if err := errors.Join(s.Open(t.Context()), send(1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	done := make(chan error, 1)
	r.restart(func() {
		go func() { done <- send(4, 5, 6) }()
		failed(t, s, 3)
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.checkKeys([]int64{1, 2, 3, 4, 5, 6})
}
