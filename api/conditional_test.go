package api

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asked sends a request with headers: name, value, …
func (s *server) asked(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	req := newRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	s.handler.ServeHTTP(rec, req)
	return rec
}

const oneQuery = `{"sql": "CREATE TABLE IF NOT EXISTS b (x INT) WITH ('connector'='blackhole'); INSERT INTO b /*+ NAME('one') */ VALUES (1)"}`

func TestETags(t *testing.T) {
	s := &server{t: t}
	s.start()
	s.asked("POST", "/v1/queries", oneQuery)
	tag := s.asked("GET", "/v1/queries/one", "").Header().Get("ETag")
	if len(tag) != 34 {
		t.Fatalf("ETag %q", tag)
	}
	for _, c := range []struct {
		method, path, header, value string
		want                        int
	}{
		{"GET", "/v1/queries/one", "If-None-Match", tag, 304},
		{"GET", "/v1/queries/one", "If-None-Match", `"x", W/` + tag, 304},
		{"GET", "/v1/queries/one", "If-None-Match", `"x"`, 200},
		{"GET", "/v1/queries/none", "If-None-Match", "*", 404},
		{"GET", "/v1/tables/b", "If-None-Match", "*", 304},
		{"GET", "/v1/queries/one/status", "If-None-Match", "*", 200},
		{"DELETE", "/v1/queries/one", "If-Match", `"x"`, 412},
		{"DELETE", "/v1/queries/none", "If-Match", "*", 412},
		{"DELETE", "/v1/queries/one", "If-Match", tag, 204},
	} {
		rec := s.asked(c.method, c.path, "", c.header, c.value)
		if rec.Code != c.want || rec.Code == 304 && rec.Body.Len() > 0 {
			t.Errorf("%+v: %d %s", c, rec.Code, rec.Body)
		}
	}
}

func TestIdempotencyKeys(t *testing.T) {
	s := &server{t: t, dir: t.TempDir()}
	s.start()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	post := func(key, body string) *httptest.ResponseRecorder {
		return s.asked("POST", "/v1/queries", body, idempotencyHeader, key)
	}
	first := post("k", oneQuery)
	again := post("k", oneQuery)
	if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" || s.runner.started != 1 {
		t.Errorf("%d %s, then %d %s; %d started", first.Code, first.Body, again.Code, again.Body, s.runner.started)
	}
	if rec := post("k", strings.Replace(oneQuery, "(1)", "(2)", 1)); rec.Code != 422 || !strings.Contains(rec.Body.String(), "another request") {
		t.Errorf("another body: %d %s", rec.Code, rec.Body)
	}
	if rec := post("other", oneQuery); rec.Code != 409 {
		t.Errorf("another key: %d", rec.Code)
	}
	s.start() // answers are kept
	if rec := post("k", oneQuery); rec.Code != 201 || rec.Body.String() != first.Body.String() {
		t.Errorf("after a restart: %d %s", rec.Code, rec.Body)
	}
	if rec := post(strings.Repeat("x", 256), oneQuery); rec.Code != 422 {
		t.Errorf("a long key: %d", rec.Code)
	}
	s.service.now = func() time.Time { return now.Add(25 * time.Hour) }
	s.handler = NewHandler(s.service, nil, "test", s.protection)
	if rec := post("k", oneQuery); rec.Code != 409 {
		t.Errorf("a day later: %d", rec.Code)
	}
	files, err := os.ReadDir(filepath.Join(s.dir, replayDir))
	if err != nil || len(files) != 1 { // that of the last answer
		t.Errorf("%v, %v", files, err)
	}
}

// A key of somebody is not that of another, and what panics or is the server's
// fault frees it.
func TestIdempotencyKeysAreFreed(t *testing.T) {
	r := newReplays("", time.Now, nil)
	asked := 0
	serve := func(who string, answer int) int {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))
		req.Header.Set(idempotencyHeader, "k")
		rec := httptest.NewRecorder()
		defer func() { _ = recover() }()
		r.serve(rec, req, who, func(w http.ResponseWriter, _ *http.Request) {
			if asked++; answer == 0 {
				panic("ouch")
			}
			w.WriteHeader(answer)
		})
		return rec.Code
	}
	serve("a", 0)
	serve("a", 500)
	for _, who := range []string{"a", "b", "a", "b"} {
		if code := serve(who, 201); code != 201 {
			t.Errorf("%s: %d", who, code)
		}
	}
	if asked != 4 {
		t.Errorf("asked %d times", asked)
	}
	for i := range 2 * maxReplays {
		name := digestOf("c", string(rune(i)))
		if old, err := r.begin(name, "d"); err != nil || old != nil {
			t.Fatal(old, err)
		}
		r.end(name, &replay{At: time.Now(), Digest: "d", Status: 200})
	}
	if len(r.answers) > maxReplays {
		t.Errorf("%d answers are kept", len(r.answers))
	}
}
