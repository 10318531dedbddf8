package http

import (
	"context"
	"errors"
	nethttp "net/http"
	"net/http/httptest"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/event"
)

// TestConfined asks a service that the server's configuration does not allow.
func TestConfined(t *testing.T) {
	asked := false
	s := httptest.NewServer(nethttp.HandlerFunc(func(nethttp.ResponseWriter, *nethttp.Request) { asked = true }))
	defer s.Close()
	p, err := access.New(access.Config{Network: []string{"elsewhere.example:443"}})
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]string{"format": "json", optURL: s.URL + "/{id}"}
	l, err := New(nil).(connectors.Asked).Looker(connectors.Table{Name: "t", Columns: columns, Physical: columns, Options: options, Access: p}, keys[:1])
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := event.NewBatch(event.NewSchema(event.Field{Name: "id", Type: event.TInt64}))
	b.Reset(1)
	b.Cols[0].Set(0, 1, event.IntValue(1))
	err = l.Find(context.Background(), b, func(int, []event.Value) {})
	if !errors.Is(err, access.ErrRefused) || asked {
		t.Errorf("error %v, asked: %v", err, asked)
	}
}
