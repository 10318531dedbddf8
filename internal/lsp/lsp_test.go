package lsp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/creachadair/jrpc2/channel"

	"github.com/cepd/cepd/connectors/all"
)

// client is an editor: it sends messages as they are written, and shows what
// comes back.
type client struct {
	t   *testing.T
	ch  channel.Channel
	dir string
	id  int
}

func newClient(t *testing.T) *client {
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Serve(context.Background(), in, out, all.New(), "test") }()
	t.Cleanup(func() {
		toServer.Close()
		if err := <-done; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
	return &client{t: t, ch: channel.LSP(fromServer, toServer), dir: t.TempDir()}
}

// send sends a message: for a request it is numbered.
func (c *client) send(method, params string, request bool) {
	m := map[string]any{"jsonrpc": "2.0", "method": method}
	if request {
		c.id++
		m["id"] = c.id
	}
	if params != "" {
		m["params"] = json.RawMessage(strings.ReplaceAll(params, "DIR", c.dir))
	}
	text, err := json.Marshal(m)
	if err != nil {
		c.t.Fatalf("%s: %v", params, err)
	}
	if err := c.ch.Send(text); err != nil {
		c.t.Fatal(err)
	}
}

// receive is the next message of the server.
func (c *client) receive() string {
	text, err := c.ch.Recv()
	if err != nil {
		c.t.Fatal(err)
	}
	var m struct{ Result, Params, Error json.RawMessage }
	if err := json.Unmarshal(text, &m); err != nil {
		c.t.Fatal(err)
	}
	part := m.Result
	if m.Params != nil {
		part = m.Params
	}
	if m.Error != nil {
		part = m.Error
	}
	var b bytes.Buffer
	if json.Compact(&b, part) != nil {
		return string(text) + "\n"
	}
	out := strings.ReplaceAll(b.String(), c.dir, "DIR")
	return strings.NewReplacer(`{"range"`, "\n"+`{"range"`, `{"label"`, "\n"+`{"label"`, `{"name"`, "\n"+`{"name"`).Replace(out) + "\n"
}

// The commands of testdata:
//
//	file NAME         writes a file of the workspace
//	request METHOD    sends a request with these parameters and shows the answer
//	notify METHOD     sends a notification and shows the findings that come of it
func TestConversations(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		c := newClient(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			name := d.CmdArgs[0].String()
			switch d.Cmd {
			case "file":
				if err := os.WriteFile(filepath.Join(c.dir, name), []byte(d.Input), 0o644); err != nil {
					t.Fatal(err)
				}
				return ""
			case "request":
				c.send(name, d.Input, true)
				return c.receive()
			}
			c.send(name, d.Input, false)
			if !strings.HasPrefix(name, "textDocument/") {
				return ""
			}
			return c.receive()
		})
	})
}

func TestPositions(t *testing.T) {
	const text = "a\r\nb𝄞c\n"
	for offset := 0; offset <= len(text); offset++ {
		p := positionOf(text, offset)
		back := offsetOf(text, p)
		if inside := offset > 4 && offset < 8 || offset == 2; back != offset && !inside {
			t.Errorf("byte %d is %+v, and that is byte %d", offset, p, back)
		}
	}
	if got := apply(text, change{Range: &textRange{position{1, 1}, position{1, 3}}, Text: "x"}); got != "a\r\nbxc\n" {
		t.Errorf("changed to %q", got)
	}
	for _, p := range []position{{-1, -1}, {0, 99}, {99, 0}} {
		if at := offsetOf(text, p); at < 0 || at > len(text) {
			t.Errorf("%s is byte %d", fmt.Sprint(p), at)
		}
	}
	if got := apply("abc", change{Range: &textRange{position{0, 2}, position{0, 1}}, Text: "x"}); got != "abxc" {
		t.Errorf("a range that ends before it begins: %q", got)
	}
}
