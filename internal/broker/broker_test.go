package broker

import (
	"context"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka"
)

func TestStart(t *testing.T) {
	defer goleak.VerifyNone(t)
	addr, stop, err := Start([]string{"a", "b"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s, err := kafka.New(nil).Source(connectors.Table{Options: map[string]string{"topic": "b", "properties.bootstrap.servers": addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := s.Partitions(context.Background()); !slices.Equal(got, []int32{0, 1, 2}) {
		t.Errorf("partitions %v, %v", got, err)
	}
}
