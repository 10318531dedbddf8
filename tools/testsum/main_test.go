package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	in := strings.Join([]string{
		`{"Action":"run","Package":"p","Test":"A"}`,
		`{"Action":"pass","Package":"p","Test":"A"}`,
		`{"Action":"run","Package":"p","Test":"B"}`,
		`{"Action":"run","Package":"p","Test":"B/x"}`,
		`{"Action":"output","Package":"p","Test":"B/x","Output":"    b_test.go:1: got 2\n"}`,
		`{"Action":"fail","Package":"p","Test":"B/x"}`,
		`{"Action":"fail","Package":"p","Test":"B"}`,
		`{"Action":"run","Package":"p","Test":"C"}`,
		`{"Action":"output","Package":"p","Test":"C","Output":"    c_test.go:1: no broker\n"}`,
		`{"Action":"skip","Package":"p","Test":"C"}`,
		`{"Action":"fail","Package":"p"}`,
		`{"Action":"output","Package":"q","Output":"panic: boom\n"}`,
		`{"Action":"fail","Package":"q"}`,
	}, "\n")
	var out bytes.Buffer
	s := summary{out: &out, output: map[string][]string{}}
	if err := s.read(strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	if want := (counts{Passed: 1, Failed: 2, Skipped: 1}); s.counts != want {
		t.Errorf("counted %+v, want %+v", s.counts, want)
	}
	for _, want := range []string{"got 2", "SKIP p C: c_test.go:1: no broker", "panic: boom"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, &out)
		}
	}
}
