package mqtt

import (
	"context"

	"github.com/cepd/cepd/connectors/pushed"
)

// receiver subscribes to the topics of a table. It implements pushed.Receiver.
type receiver struct {
	*config
	filters []string
}

// Run implements pushed.Receiver.
func (r *receiver) Run(ctx context.Context, in *pushed.Inbox) error {
	if r.v3() {
		return r.receive3(ctx, in)
	}
	return r.receive5(ctx, in)
}

// take gives a message to the inbox. One of QoS 0 that finds no room is lost; the
// others wait, and with them the connection.
func (r *receiver) take(ctx context.Context, in *pushed.Inbox, m *incoming) error {
	out := pushed.Message{Value: m.value, Headers: m.headers()}
	if out.Value == nil {
		out.Value = []byte{} // empty, not null
	}
	if m.qos == 0 {
		in.Offer(out)
		return nil
	}
	out.Kept = m.ack
	return in.Put(ctx, out)
}
