package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxAdminAnswer limits an answer: a cluster has thousands of transactions at
// most.
const maxAdminAnswer = 64 << 20

// exchange sends one request to a broker over a connection of its own. It is
// for the messages that the library's transport has no room for (its table of
// messages ends in 2020), which are rare: those that look at transactions.
func (c *client) exchange(ctx context.Context, address string, req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, err := c.connect(ctx, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	message := kmsg.NewRequestFormatter(kmsg.FormatterClientID(c.config.clientID)).AppendRequest(nil, req, 0)
	if _, err := conn.Write(message); err != nil {
		return nil, err
	}
	return receive(conn, req)
}

func receive(conn io.Reader, req kmsg.Request) (kmsg.Response, error) {
	name := kmsg.NameForKey(req.Key())
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the broker has closed the connection: it does not know %s, which came with Kafka 3.0", name)
	} else if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	const header = 4 + 1 // correlation id, no tags
	if n < header || n > maxAdminAnswer {
		return nil, fmt.Errorf("answer to %s of %d bytes", name, n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil, err
	}
	response := req.ResponseKind()
	if err := response.ReadFrom(body[header:]); err != nil {
		return nil, fmt.Errorf("answer to %s: %w", name, err)
	}
	return response, nil
}

// connect opens an encrypted and authenticated connection. The library does
// the authentication and is not used with it after that.
func (c *client) connect(ctx context.Context, address string) (conn net.Conn, err error) {
	var raw net.Conn
	dialer := kafka.Dialer{Timeout: c.timeout, ClientID: c.config.clientID, SASLMechanism: c.config.sasl,
		DialFunc: func(ctx context.Context, network, address string) (net.Conn, error) {
			raw, err = c.secureDial(ctx, network, address)
			return raw, err
		}}
	if _, err := dialer.DialContext(ctx, "tcp", address); err != nil {
		return nil, err
	}
	return raw, raw.SetDeadline(time.Time{})
}

// brokers are the addresses of the cluster's brokers, by id.
func (c *client) brokers(ctx context.Context) (map[int32]string, error) {
	out := map[int32]string{}
	err := c.call(ctx, "describe cluster", func(ctx context.Context) error {
		m, err := c.roundTrip(ctx, &metadata.Request{TopicNames: []string{}}, 0)
		if err != nil {
			return err
		}
		for _, b := range m.(*metadata.Response).Brokers {
			out[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
		}
		if len(out) == 0 {
			return kafka.BrokerNotAvailable
		}
		return nil
	})
	return out, err
}
