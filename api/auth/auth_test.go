package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// world is an authenticator with a clock of its own and a file of tokens.
type world struct {
	t    *testing.T
	now  time.Time
	file string
	a    *Authenticator
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), file: filepath.Join(t.TempDir(), "tokens.json")}
	return w
}

// token adds one to the file.
func (w *world) token(name string, role Role, life time.Duration) string {
	w.t.Helper()
	var expires time.Time
	if life > 0 {
		expires = w.now.Add(life)
	}
	text, token := NewToken(name, role, expires)
	if err := AddToken(w.file, token); err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.a, err = newAuthenticator(Config{TokenFile: w.file}, slog.New(slog.DiscardHandler), func() time.Time { return w.now }); err != nil {
		w.t.Fatal(err)
	}
}

func request(remote, token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = remote
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (w *world) ask(remote, token string) error {
	_, err := w.a.Authenticate(request(remote, token))
	return err
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	forever, brief := w.token("forever", Operator, 0), w.token("brief", Author, time.Hour)
	w.open()
	if p, err := w.a.Authenticate(request("1.1.1.1:1", forever)); p != (Principal{"forever", Operator}) || err != nil {
		t.Error(p, err)
	}
	for _, bad := range []string{"x", forever + "x", forever[1:], strings.ToUpper(forever), forever[:len(forever)-1]} {
		if err := w.ask("1.1.1.1:1", bad); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if err := w.ask("1.1.1.1:1", ""); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if err := w.ask("1.1.1.1:1", brief); err != nil {
		t.Error(err)
	}
	w.now = w.now.Add(time.Hour)
	if err := w.ask("1.1.1.1:1", brief); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if text, err := os.ReadFile(w.file); err != nil || strings.Contains(string(text), forever[5:]) {
		t.Error("the file has the token", err)
	}
	if info, err := os.Stat(w.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// TestTokensAreReadAgain takes a token away and adds another; a file that is
// broken changes nothing.
func TestTokensAreReadAgain(t *testing.T) {
	w := newWorld(t)
	old := w.token("old", Viewer, 0)
	w.open()
	login := httptest.NewRecorder()
	if _, err := w.a.Login(login, request("1.1.1.1:1", ""), old); err != nil {
		t.Fatal(err)
	}
	session := request("1.1.1.1:1", "")
	session.AddCookie(login.Result().Cookies()[0])
	if p, err := w.a.Authenticate(session); p.Name != "old" || err != nil {
		t.Error(p, err)
	}
	if err := os.WriteFile(w.file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(2 * lookEvery)
	if err := w.ask("1.1.1.1:1", old); err != nil {
		t.Error("a broken file:", err)
	}
	if err := os.Remove(w.file); err != nil {
		t.Fatal(err)
	}
	young := w.token("young", Viewer, 0)
	w.now = w.now.Add(2 * lookEvery)
	if err := w.ask("1.1.1.1:1", young); err != nil {
		t.Error(err)
	}
	if err := w.ask("1.1.1.1:1", old); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if _, err := w.a.Authenticate(session); !errors.Is(err, ErrNone) {
		t.Error("the session outlives its token:", err)
	}
}

func TestTokenFileErrors(t *testing.T) {
	_, good := NewToken("a", Viewer, time.Time{})
	entry := func(name, role, sum string) string {
		return fmt.Sprintf(`{"name": "%s", "role": "%s", "sha256": "%s"}`, name, role, sum)
	}
	for text, want := range map[string]string{
		"": "EOF",
		`{"tokens": [` + entry("", "viewer", good.SHA256) + `]}`:                                           "name is missing",
		`{"tokens": [` + entry("a", "boss", good.SHA256) + `]}`:                                            "expected viewer, author",
		`{"tokens": [{"name": "a"}]}`:                                                                      "role is missing",
		`{"tokens": [` + entry("a", "viewer", "12") + `]}`:                                                 "64 hexadecimal",
		`{"tokens": [` + entry("a", "viewer", good.SHA256+"00") + `]}`:                                     "64 hexadecimal",
		`{"tokens": [` + entry("a", "viewer", strings.Repeat("z", 64)) + `]}`:                              "64 hexadecimal",
		`{"tokens": [` + entry("a", "viewer", good.SHA256) + "," + entry("a", "admin", good.SHA256) + `]}`: "used twice",
		`{"tokens": [], "more": 1}`:                                                                        "unknown field",
	} {
		if _, err := parseTokens([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestFailedLogins blocks an address after so many, and no other.
func TestFailedLogins(t *testing.T) {
	w := newWorld(t)
	good := w.token("good", Viewer, 0)
	w.open()
	for i := range failureBurst {
		if err := w.ask("[2001:db8::1]:1", "wrong"); !errors.Is(err, ErrUnknown) {
			t.Fatalf("%d: %v", i, err)
		}
	}
	for _, token := range []string{"wrong", good} {
		if err := w.ask("[2001:db8::2]:1", token); !errors.Is(err, ErrBlocked) {
			t.Error("a neighbour in the same network:", err)
		}
	}
	if !w.a.FirstBlocked("[2001:db8::2]:1") || w.a.FirstBlocked("[2001:db8::2]:1") {
		t.Error("a block is told once")
	}
	for _, other := range []string{"[2001:db8:0:1::1]:1", "1.1.1.1:1"} {
		if err := w.ask(other, good); err != nil {
			t.Error(other, err)
		}
	}
	w.now = w.now.Add(failureEvery)
	if err := w.ask("[2001:db8::1]:1", good); err != nil {
		t.Error("later:", err)
	}
	for i := range 2 * maxAddresses {
		w.a.limiter.failed(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255))
	}
	if n := len(w.a.limiter.known); n > maxAddresses {
		t.Errorf("%d addresses", n)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	w := newWorld(t)
	good := w.token("good", Viewer, 0)
	w.open()
	var first *http.Cookie
	for i := range maxSessions + 5 {
		rec := httptest.NewRecorder()
		if _, err := w.a.Login(rec, request("1.1.1.1:1", ""), good); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = rec.Result().Cookies()[0]
		}
		w.now = w.now.Add(time.Second)
	}
	if n := len(w.a.sessions.live); n != maxSessions {
		t.Errorf("%d sessions", n)
	}
	if !first.HttpOnly || first.SameSite != http.SameSiteStrictMode || first.Secure {
		t.Errorf("%+v", first)
	}
	r := request("1.1.1.1:1", "")
	r.AddCookie(first)
	if _, err := w.a.Authenticate(r); !errors.Is(err, ErrNone) {
		t.Error("the oldest session lives on:", err)
	}
}

func TestOpen(t *testing.T) {
	a, err := New(Config{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := a.Authenticate(request("1.1.1.1:1", "")); p != Everybody || err != nil || !a.Open() {
		t.Error(p, err)
	}
	if _, err := New(Config{Certificates: []Certificate{{"CN=a", Viewer}, {"CN=a", Admin}}}, nil); err == nil {
		t.Error("a subject twice")
	}
	if _, err := New(Config{TokenFile: "nowhere"}, nil); err == nil {
		t.Error("no file")
	}
}
