package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestLSP: the command talks over stdin and stdout, and ends with its input.
func TestLSP(t *testing.T) {
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	var errs bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- execute(context.Background(), []string{"lsp"}, stdio{in: in, out: out, err: &errs}) }()
	for _, m := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`,
		`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///q.sql","text":"SELECT"}}}`,
	} {
		go fmt.Fprintf(toServer, "Content-Length: %d\r\n\r\n%s", len(m), m)
		want := map[bool]string{true: "hoverProvider", false: "expected an expression"}[strings.Contains(m, "initialize")]
		if got := readUntil(t, fromServer, want); !strings.Contains(got, "Content-Length: ") {
			t.Errorf("the answer has no header: %q", got)
		}
	}
	toServer.Close()
	if code := <-done; code != exitGood {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

// readUntil reads up to a message that has a text, to the message's end.
func readUntil(t *testing.T, r io.Reader, want string) string {
	t.Helper()
	var got strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(got.String(), want) || !strings.HasSuffix(got.String(), "}") {
		n, err := r.Read(buf)
		if err != nil {
			t.Fatalf("%v; read %q", err, got.String())
		}
		got.Write(buf[:n])
	}
	return got.String()
}
