package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/coder/websocket"

	"github.com/cepd/cepd/connectors/stream"
)

// writeRow writes the members of a StreamRow.
func writeRow(to *bytes.Buffer, r *stream.Row) {
	to.WriteString(`"id":"`)
	to.WriteString(r.ID.Hex())
	to.WriteString(`","op":"`)
	to.WriteString(r.Change.String())
	to.WriteString(`","row":`)
	to.Write(r.JSON)
}

// socketWriter writes messages to a WebSocket (RFC 6455).
type socketWriter struct {
	conn    *websocket.Conn
	reading context.Context // ends with the reader
	cancel  context.CancelFunc
	done    chan struct{} // closed when nothing is read any more
	buf     bytes.Buffer
	ends    []int // of messages in buf
}

// newSocketWriter takes a connection over; nil: it has been refused. A page of another
// site may not, and nothing is taken from the reader but answers to pings.
func newSocketWriter(w http.ResponseWriter, r *http.Request) *socketWriter {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil
	}
	s := &socketWriter{conn: conn, done: make(chan struct{})}
	s.reading, s.cancel = context.WithCancel(r.Context())
	go s.read()
	return s
}

// read answers pings and sees the end; a message ends the connection. (CloseRead of the
// library would do so after it has waited for itself.)
func (w *socketWriter) read() {
	defer close(w.done)
	_, _, err := w.conn.Reader(w.reading)
	w.cancel()
	if err == nil {
		_ = w.conn.Close(websocket.StatusPolicyViolation, "this stream takes no messages")
	}
}

// close ends a connection without waiting for the reader's good-bye.
func (w *socketWriter) close() {
	w.cancel()
	_ = w.conn.CloseNow()
	<-w.done
}

func (w *socketWriter) at(cursor string) {
	w.buf.WriteString(`{"event":"at","cursor":"`)
	w.buf.WriteString(cursor)
	w.buf.WriteString(`"}`)
	w.ends = append(w.ends, w.buf.Len())
}

func (w *socketWriter) row(r *stream.Row) {
	w.buf.WriteString(`{"event":"row","cursor":"`)
	w.buf.WriteString(r.Cursor)
	w.buf.WriteString(`",`)
	writeRow(&w.buf, r)
	w.buf.WriteByte('}')
	w.ends = append(w.ends, w.buf.Len())
}

func (w *socketWriter) gap(g *stream.Gap) { w.message(&StreamMessage{Event: "gap", Gap: g}) }

func (w *socketWriter) end(reason string) { w.message(&StreamMessage{Event: "end", End: reason}) }

func (w *socketWriter) message(m *StreamMessage) {
	text, _ := json.Marshal(m) // it is text
	w.buf.Write(text)
	w.ends = append(w.ends, w.buf.Len())
}

// flush sends what waits; a reader that takes none of it for so long is slow for good.
func (w *socketWriter) flush() error {
	ctx, cancel := context.WithTimeout(w.reading, streamPatience)
	defer cancel()
	from := 0
	for _, end := range w.ends {
		if err := w.conn.Write(ctx, websocket.MessageText, w.buf.Bytes()[from:end]); err != nil {
			return ofContext(ctx, err)
		}
		from = end
	}
	w.buf.Reset()
	w.ends = w.ends[:0]
	return nil
}

// beat asks whether the reader is there.
func (w *socketWriter) beat() error {
	if err := w.flush(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(w.reading, streamPatience)
	defer cancel()
	return ofContext(ctx, w.conn.Ping(ctx))
}

// ofContext says that time has run out, where that is so: a connection's error does not.
func ofContext(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
