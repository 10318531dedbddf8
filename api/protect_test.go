package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/api/auth"
)

// guarded is a server with a user of each role, and its audit log.
type guarded struct {
	server
	tokens map[auth.Role]string
	log    string
}

var allRoles = []auth.Role{auth.None, auth.Viewer, auth.Author, auth.Operator, auth.Admin}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{server: server{t: t}, tokens: map[auth.Role]string{}, log: filepath.Join(t.TempDir(), "audit.jsonl")}
	file := filepath.Join(t.TempDir(), "tokens.json")
	for _, role := range allRoles[1:] {
		text, token := auth.NewToken("the-"+role.String(), role, time.Time{})
		if err := auth.AddToken(file, token); err != nil {
			t.Fatal(err)
		}
		g.tokens[role] = text
	}
	a, err := auth.New(auth.Config{TokenFile: file}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(g.log, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g.protection = Protection{Auth: a, Audit: l, Log: slog.New(slog.DiscardHandler)}
	g.start()
	return g
}

// ask sends a request with the token of a role.
func (g *guarded) ask(role auth.Role, method, path, body string) *httptest.ResponseRecorder {
	r := newRequest(method, path, strings.NewReader(body))
	if role != auth.None {
		r.Header.Set("Authorization", "Bearer "+g.tokens[role])
	}
	rec := httptest.NewRecorder()
	g.handler.ServeHTTP(rec, r)
	return rec
}

func (g *guarded) audited() []audit.Entry {
	g.t.Helper()
	list, err := audit.Read(g.log, func(*audit.Entry) bool { return true })
	if err != nil {
		g.t.Fatal(err)
	}
	return list
}

// described is an operation of the OpenAPI description.
type described struct {
	method, path string
	Role         string                `json:"x-cepd-role"`
	Security     []map[string][]string `json:"security"`
	Parameters   []struct {
		Name, In string
		Schema   json.RawMessage
	}
	RequestBody json.RawMessage `json:"requestBody"`
}

func describe(t testing.TB, h http.Handler, token string) []described {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/v1/openapi.json", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	var doc struct {
		Paths map[string]map[string]described
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	var out []described
	for path, methods := range doc.Paths {
		for method, d := range methods {
			d.method, d.path = strings.ToUpper(method), path
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b described) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return out
}

// TestEveryOperationHasARule walks the description: each operation has a role in
// the table, says so, and lets in exactly those who have it.
func TestEveryOperationHasARule(t *testing.T) {
	g := newGuarded(t)
	for _, d := range describe(t, g.handler, g.tokens[auth.Viewer]) {
		rule, ok := rules[d.method+" "+d.path]
		if !ok || rule.role == auth.None || d.Role != rule.role.String() || len(d.Security) == 0 {
			t.Errorf("%s %s: rule %+v, described role %q, security %v", d.method, d.path, rule, d.Role, d.Security)
		}
		path := strings.ReplaceAll(d.path, "{name}", "none")
		for _, role := range allRoles {
			want := http.StatusUnauthorized
			if role != auth.None {
				want = http.StatusForbidden
			}
			code := g.ask(role, d.method, path, "{}").Code
			refused := code == http.StatusUnauthorized || code == http.StatusForbidden
			if role < rule.role && code != want || role >= rule.role && refused {
				t.Errorf("%s %s as %s: %d", d.method, d.path, role, code)
			}
		}
	}
}

// TestOnlyTheseAreOpen lists what a stranger may reach; everything else, known
// or not, is refused.
func TestOnlyTheseAreOpen(t *testing.T) {
	g := newGuarded(t)
	var open []string
	for pattern, rule := range rules {
		if rule.role == auth.None {
			open = append(open, pattern)
		}
	}
	slices.Sort(open)
	if want := []string{"GET /assets/{file}", "GET /healthz", "GET /links/{name}/{token}", "GET /login", "GET /readyz", "POST /links/{name}/{token}", "POST /login", "POST /logout"}; !slices.Equal(open, want) {
		t.Errorf("open: %q, want %q", open, want)
	}
	for _, path := range []string{"/", "/metrics", "/v1/openapi.json", "/v1/openapi.yaml", "/v1/openapi-3.0.json", "/nothing", "/v1", "/v1/queries/", "/docs", "/schemas/Info.json", "//v1/queries", "/healthz/", "/login/x", "/healthz/../metrics"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace, "STRANGE"} {
			if code := g.ask(auth.None, method, path, "").Code; code != http.StatusUnauthorized {
				t.Errorf("%s %s: %d", method, path, code)
			}
		}
	}
	if r := ruleOf("GET /v2/new"); r.role != auth.Admin || !r.audit {
		t.Errorf("a route that nobody thought of: %+v", r)
	}
	g.protection.OpenMetrics = true
	g.start()
	if code := g.ask(auth.None, http.MethodGet, "/metrics", "").Code; code != http.StatusOK {
		t.Errorf("open metrics: %d", code)
	}
}

const twoStatements = `{"sql": "CREATE TABLE b (x INT) WITH ('connector'='blackhole', 'password'='c4nary'); INSERT INTO b VALUES (1)"}`

// TestAudit looks at what is written down of changes and refusals.
func TestAudit(t *testing.T) {
	g := newGuarded(t)
	g.ask(auth.Viewer, http.MethodGet, "/v1/queries", "")
	g.ask(auth.Viewer, http.MethodPost, "/v1/queries", twoStatements)
	g.ask(auth.None, http.MethodGet, "/metrics", "")
	g.ask(auth.Author, http.MethodPost, "/v1/validate", twoStatements)
	submitted := g.ask(auth.Author, http.MethodPost, "/v1/queries", twoStatements)
	g.ask(auth.Author, http.MethodPost, "/v1/queries", twoStatements)
	g.ask(auth.Admin, http.MethodDelete, "/v1/queries/b", "")
	var got []string
	list := g.audited()
	for _, e := range list {
		got = append(got, strings.TrimSpace(fmt.Sprint(e.Phase, " ", e.Status, " ", e.Who, " ", e.Role, " ", e.Action, " ", e.Object, " ", e.Added)))
		if e.Time.IsZero() || e.RequestID == "" || e.Remote == "" {
			t.Errorf("%+v", e)
		}
	}
	want := []string{
		"refused 403 the-viewer viewer submit /v1/queries []",
		"refused 401   metrics /metrics []",
		"attempt 0 the-author author submit /v1/queries []",
		"done 201 the-author author submit /v1/queries [b]",
		"attempt 0 the-author author submit /v1/queries []",
		"done 422 the-author author submit /v1/queries []",
		"attempt 0 the-admin admin drop-query /v1/queries/b []",
		"done 204 the-admin admin drop-query /v1/queries/b []",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if id := submitted.Header().Get("X-Request-Id"); id != list[2].RequestID || id != list[3].RequestID {
		t.Errorf("the answer's request id is %s", id)
	}
	text, err := os.ReadFile(g.log)
	if err != nil || strings.Contains(string(text), "c4nary") {
		t.Errorf("the log has a secret, or cannot be read: %v", err)
	}
	for _, token := range g.tokens {
		if strings.Contains(string(text), token) {
			t.Error("the log has a token")
		}
	}
}

// TestAuditFailsClosed has a log that cannot be written: nothing is changed, and
// looking still works.
func TestAuditFailsClosed(t *testing.T) {
	g := newGuarded(t)
	g.protection.Audit.Close()
	if err := os.Remove(g.log); err != nil {
		t.Fatal(err)
	}
	rec := g.ask(auth.Admin, http.MethodPost, "/v1/queries", twoStatements)
	if rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), "nothing is changed") || len(g.runner.running) > 0 {
		t.Errorf("%d %s, running: %v", rec.Code, rec.Body, g.runner.running)
	}
	if rec := g.ask(auth.Viewer, http.MethodGet, "/v1/queries", ""); rec.Code != http.StatusOK {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if rec := g.ask(auth.None, http.MethodGet, "/v1/queries", ""); rec.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestFloodOfFailedLogins is written down up to the block, and once after it.
func TestFloodOfFailedLogins(t *testing.T) {
	g := newGuarded(t)
	g.tokens[auth.None] = ""
	g.tokens[auth.Viewer] = "wrong"
	for range 500 {
		g.ask(auth.Viewer, http.MethodGet, "/v1/queries", "")
	}
	rec := g.ask(auth.Viewer, http.MethodGet, "/v1/queries", "")
	if rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	// Time goes on: a slow machine gives a few tries more.
	if n := len(g.audited()); n < 21 || n > 100 {
		t.Errorf("%d entries", n)
	}
}

// TestLogin is what a browser does: it is sent to the form, sends it, looks at
// the page, logs out.
func TestLogin(t *testing.T) {
	g := newGuarded(t)
	var jar []*http.Cookie
	browse := func(method, path, origin string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://cepd.example"+path, strings.NewReader(form.Encode()))
		r.Header.Set("Accept", "text/html,*/*")
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		for _, c := range jar {
			r.AddCookie(c)
		}
		rec := httptest.NewRecorder()
		http.NewCrossOriginProtection().Handler(g.handler).ServeHTTP(rec, r)
		res := rec.Result()
		defer res.Body.Close()
		for _, c := range res.Cookies() {
			jar = []*http.Cookie{c}
		}
		return rec
	}
	expect := func(res *httptest.ResponseRecorder, code int, location, text string) {
		t.Helper()
		body := res.Body.String()
		if res.Code != code || res.Header().Get("Location") != location || !strings.Contains(body, text) {
			t.Errorf("%d, location %q: %s; want %d, %q, %q", res.Code, res.Header().Get("Location"), body, code, location, text)
		}
	}
	form := func(token string) url.Values { return url.Values{"token": {token}} }
	expect(browse("GET", "/", "", nil), http.StatusSeeOther, "/login", "")
	expect(browse("GET", "/login", "", nil), http.StatusOK, "", `name="token" type="password"`)
	expect(browse("POST", "/login", "", form("<b>wrong")), http.StatusUnauthorized, "", "the token is not known")
	expect(browse("POST", "/login", "http://attacker.example", form(g.tokens[auth.Admin])), http.StatusForbidden, "", "")
	expect(browse("POST", "/login", "", form(strings.Repeat("x", 2*maxForm))), http.StatusUnauthorized, "", "")
	if len(jar) > 0 {
		t.Error("a cookie without a login", jar)
	}
	expect(browse("POST", "/login", "http://cepd.example", form(g.tokens[auth.Author]+"\n")), http.StatusSeeOther, "/", "")
	expect(browse("GET", "/", "", nil), http.StatusOK, "", `name="cepd-login" content="true"`)
	expect(browse("GET", "/v1/queries", "", nil), http.StatusOK, "", "[]")
	expect(browse("DELETE", "/v1/queries/x", "http://attacker.example", nil), http.StatusForbidden, "", "")
	expect(browse("DELETE", "/v1/queries/x", "http://cepd.example", nil), http.StatusNotFound, "", "no query")
	session := jar
	expect(browse("POST", "/logout", "", url.Values{}), http.StatusSeeOther, "/", "")
	expect(browse("GET", "/", "", nil), http.StatusSeeOther, "/login", "")
	jar = session
	expect(browse("GET", "/", "", nil), http.StatusSeeOther, "/login", "")
}

// TestWhoAlters: who may create a table may give it columns, and is named.
func TestWhoAlters(t *testing.T) {
	g := newGuarded(t)
	const alter = `{"sql": "ALTER TABLE b ADD (y INT)"}`
	want := map[auth.Role]int{auth.None: http.StatusUnauthorized, auth.Viewer: http.StatusForbidden, auth.Author: http.StatusCreated}
	g.ask(auth.Author, http.MethodPost, "/v1/queries", twoStatements)
	for _, role := range []auth.Role{auth.None, auth.Viewer, auth.Author} {
		if code := g.ask(role, http.MethodPost, "/v1/queries", alter).Code; code != want[role] {
			t.Errorf("%v: %d, want %d", role, code, want[role])
		}
	}
	list := g.service.statements()
	if last := list[len(list)-1]; !isColumns(last) || last.By != "the-author" {
		t.Errorf("%+v", last)
	}
	entries := g.audited()
	for i, phase := range []string{audit.Attempt, audit.Done} {
		if e := entries[len(entries)-2+i]; e.Phase != phase || e.Who != "the-author" || e.Action != "submit" {
			t.Errorf("%+v", e)
		}
	}
}
