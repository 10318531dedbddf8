package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/api/auth"
)

// rule is what a route asks of those who use it.
type rule struct {
	role   auth.Role // at least; None: nobody is asked who they are
	audit  bool      // it changes something, which is written down
	action string    // what it is called in the audit log
}

// rules are those of all routes, by their patterns.
var rules = map[string]rule{
	"POST /v1/queries":                              {auth.Author, true, "submit"},
	"GET /v1/queries":                               {auth.Viewer, false, "list-queries"},
	"GET /v1/queries/{name}":                        {auth.Viewer, false, "show-query"},
	"DELETE /v1/queries/{name}":                     {auth.Author, true, "drop-query"},
	"GET /v1/queries/{name}/status":                 {auth.Viewer, false, "query-status"},
	"GET /v1/queries/{name}/graph":                  {auth.Viewer, false, "query-graph"},
	"GET /v1/queries/{name}/automaton":              {auth.Viewer, false, "query-automaton"},
	"GET /v1/queries/{name}/instances":              {auth.Author, false, "list-instances"}, // has events
	"GET /v1/queries/{name}/why":                    {auth.Author, false, "why"},            // has events, and reads a history
	"POST /v1/queries/{name}/pause":                 {auth.Author, true, "pause-query"},
	"POST /v1/queries/{name}/resume":                {auth.Author, true, "resume-query"},
	"GET /v1/queries/{name}/versions":               {auth.Viewer, false, "query-versions"},
	"GET /v1/savepoints":                            {auth.Viewer, false, "list-savepoints"},
	"GET /v1/savepoints/{name}":                     {auth.Viewer, false, "show-savepoint"},
	"POST /v1/savepoints":                           {auth.Operator, true, "create-savepoint"},
	"DELETE /v1/savepoints/{name}":                  {auth.Operator, true, "drop-savepoint"},
	"POST /v1/savepoints/{name}/restore":            {auth.Operator, true, "restore-savepoint"},
	"POST /v1/backups":                              {auth.Admin, true, "create-backup"}, // goes where the request says
	"GET /v1/tables":                                {auth.Viewer, false, "list-tables"},
	"GET /v1/tables/{name}":                         {auth.Viewer, false, "show-table"},
	"GET /v1/catalog":                               {auth.Viewer, false, "show-catalog"},
	"POST /v1/infer":                                {auth.Author, false, "infer-table"}, // reads files and asks brokers
	"POST /v1/validate":                             {auth.Author, false, "validate"},    // asks brokers, names what files there are
	"GET /metrics":                                  {auth.Viewer, false, "metrics"},
	"GET /assets/{file}":                            {auth.None, false, "page-file"}, // the same for everybody
	"GET /{$}":                                      {auth.Viewer, false, "page"},
	"GET /healthz":                                  {auth.None, false, "healthz"},
	"GET /readyz":                                   {auth.None, false, "readyz"},
	"GET /login":                                    {auth.None, false, "login-page"},
	"POST /login":                                   {auth.None, false, "login"}, // writes down by itself
	"POST /logout":                                  {auth.None, false, "logout"},
	"GET /links/{name}/{token}":                     {auth.None, false, "follow-link"}, // the signature says who may
	"POST /links/{name}/{token}":                    {auth.None, false, "confirm-link"},
	"/":                                             {auth.Viewer, false, "unknown-path"},
	"GET /v1/instances":                             {auth.Author, false, "list-all-instances"},
	"GET /v1/queries/{name}/instances/{id}":         {auth.Author, false, "show-instance"},
	"DELETE /v1/queries/{name}/instances/{id}":      {auth.Operator, true, "end-instance"},
	"POST /v1/select":                               {auth.Author, false, "select"}, // has events
	"POST /v1/queries/{name}/instances/{id}/events": {auth.Operator, true, "raise-event"},
	"POST /v1/backtests":                            {auth.Author, true, "start-backtest"},
	"GET /v1/backtests":                             {auth.Author, false, "list-backtests"},
	"GET /v1/backtests/{id}":                        {auth.Author, false, "show-backtest"}, // has events
	"GET /v1/backtests/{id}/report":                 {auth.Author, false, "backtest-report"},
	"DELETE /v1/backtests/{id}":                     {auth.Author, true, "drop-backtest"},

	"POST /v1/tables/{name}/events":                  {auth.Author, false, "post-events"}, // data, not a change: the log says who
	"GET /v1/tables/{name}/events/{id}":              {auth.Author, false, "show-event"},  // has the event
	"GET /v1/tables/{name}/parameters":               {auth.Viewer, false, "list-parameters"},
	"PUT /v1/tables/{name}/parameters/{key}":         {auth.Author, true, "set-parameter"},
	"DELETE /v1/tables/{name}/parameters/{key}":      {auth.Author, true, "delete-parameter"},
	"GET /v1/tables/{name}/parameters/{key}/history": {auth.Viewer, false, "parameter-history"},
	"POST /v1/queries/{name}/shadow":                 {auth.Author, true, "create-shadow"},
	"GET /v1/queries/{name}/shadow":                  {auth.Author, false, "show-shadow"}, // has detections
	"DELETE /v1/queries/{name}/shadow":               {auth.Author, true, "drop-shadow"},
	"POST /v1/queries/{name}/shadow/promote":         {auth.Author, true, "promote-shadow"},
	"POST /v1/queries/{name}/replace":                {auth.Author, true, "replace-query"},

	"POST /v1/language/diagnose":   {auth.Author, false, "language-diagnose"}, // reads modules of functions
	"POST /v1/language/complete":   {auth.Author, false, "language-complete"},
	"POST /v1/language/hover":      {auth.Author, false, "language-hover"},
	"POST /v1/language/definition": {auth.Author, false, "language-definition"},
	"POST /v1/language/format":     {auth.Author, false, "language-format"},
	"POST /v1/language/explain":    {auth.Author, false, "language-explain"},
	"POST /v1/tests":               {auth.Author, false, "run-tests"},

	"GET /v1/queries/{name}/detections":        {auth.Author, false, "list-detections"}, // have events
	"GET /v1/queries/{name}/detections/stream": {auth.Author, false, "stream-detections"},
	"GET /v1/detections/stream":                {auth.Author, false, "stream-all-detections"},
	"GET /v1/tables/{name}/stream":             {auth.Author, false, "stream-table"},
	"GET /v1/tables/{name}/sample":             {auth.Author, false, "sample-table"}, // has events, and asks brokers
	"GET /v1/connectors":                       {auth.Viewer, false, "list-connectors"},
}

// ruleOf is the rule of a pattern. A route that nobody has thought of is the
// admin's.
func ruleOf(pattern string) rule {
	if r, ok := rules[pattern]; ok {
		return r
	}
	if strings.HasPrefix(pattern, "GET /v1/openapi") {
		return rule{auth.Viewer, false, "openapi"}
	}
	return rule{auth.Admin, true, pattern}
}

var securitySchemes = map[string]*huma.SecurityScheme{
	"token":       {Type: "http", Scheme: "bearer", Description: "A token that `cepd token create` made."},
	"certificate": {Type: "mutualTLS", Description: "A client certificate whose subject has a role."},
	"session":     {Type: "apiKey", In: "cookie", Name: auth.CookieName, Description: "A login of the page."},
}

var anyScheme = []map[string][]string{{"token": {}}, {"certificate": {}}, {"session": {}}}

// Protection is who may use the server and where it is written down. The zero
// value lets everybody do everything, and writes nothing down.
type Protection struct {
	Auth        *auth.Authenticator
	Audit       *audit.Log
	OpenMetrics bool // /metrics is for everybody
	Log         *slog.Logger
}

// gate stands before all routes.
type gate struct {
	Protection
	mux      *http.ServeMux
	replays  *replays
	changing sync.Mutex // held across a change with If-Match
}

func (p Protection) protect(mux *http.ServeMux, r *replays) http.Handler {
	return &gate{Protection: p, mux: mux, replays: r}
}

func (p *Protection) open() bool { return p.Auth == nil || p.Auth.Open() }

// ServeHTTP lets in who may use the route.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, pattern := g.mux.Handler(r)
	rule := ruleOf(pattern)
	e := audit.Entry{RequestID: rand.Text(), Remote: r.RemoteAddr, Action: rule.action, Object: short(r.URL.Path)}
	w.Header().Set("X-Request-Id", e.RequestID)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	r = r.WithContext(context.WithValue(r.Context(), entryKey{}, &e))
	if rule.role == auth.None || rule.action == "metrics" && g.OpenMetrics {
		g.mux.ServeHTTP(w, r)
		return
	}
	who := auth.Everybody
	if !g.open() {
		var err error
		if who, err = g.Auth.Authenticate(r); err != nil {
			g.stranger(w, r, &e, err)
			return
		}
	}
	e.Who, e.Role = who.Name, who.Role.String()
	if who.Role < rule.role {
		g.refuse(w, &e, newProblem(http.StatusForbidden, "this needs the role "+rule.role.String()+"; "+who.Name+" has the role "+who.Role.String()))
		return
	}
	replays := g.replays
	if strings.HasSuffix(pattern, ownKeys) {
		replays = nil
	}
	replays.serve(w, r, who.Name, func(w http.ResponseWriter, r *http.Request) {
		g.conditional(w, r, pattern, func(w http.ResponseWriter, r *http.Request) {
			if rule.audit && g.Audit != nil {
				g.change(w, r, &e)
				return
			}
			g.mux.ServeHTTP(w, r)
		})
	})
}

// maxObject bounds a path in the audit log.
const maxObject = 1024

func short(s string) string { return s[:min(len(s), maxObject)] }

// stranger answers who has not said who they are; a browser gets the login.
func (g *gate) stranger(w http.ResponseWriter, r *http.Request, e *audit.Entry, err error) {
	browser := r.Method == http.MethodGet && r.Header.Get("Authorization") == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
	if browser && errors.Is(err, auth.ErrNone) {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	g.refuse(w, e, unauthorized(w, err))
}

func unauthorized(w http.ResponseWriter, err error) *Problem {
	if errors.Is(err, auth.ErrBlocked) {
		w.Header().Set("Retry-After", "60")
		return newProblem(http.StatusTooManyRequests, err.Error())
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="cepd"`)
	return newProblem(http.StatusUnauthorized, err.Error())
}

// refuse answers and writes down. Of an address that is blocked it writes once,
// so that whoever is refused cannot fill the log.
func (p *Protection) refuse(w http.ResponseWriter, e *audit.Entry, problem *Problem) {
	e.Phase, e.Status, e.Reason = audit.Refused, problem.Status, problem.Detail
	if problem.Status != http.StatusTooManyRequests || p.Auth.FirstBlocked(e.Remote) {
		if err := p.write(e, false); err != nil {
			p.Log.Error("a refusal was not written down", "error", err)
		}
	}
	writeProblem(w, problem)
}

func (p *Protection) write(e *audit.Entry, sync bool) error {
	if p.Audit == nil {
		return nil
	}
	e.Time = time.Now().UTC()
	return p.Audit.Write(*e, sync)
}

// change carries out a call that changes something. What was about to be done
// is on disk before it is done, and what became of it before that is answered.
// Where neither can be written, nothing is done.
func (g *gate) change(w http.ResponseWriter, r *http.Request, e *audit.Entry) {
	e.Phase = audit.Attempt
	if err := g.write(e, true); err != nil {
		g.Log.Error("refused a change, as the audit log cannot be written", "error", err)
		writeProblem(w, newProblem(http.StatusServiceUnavailable, "the audit log cannot be written, so nothing is changed"))
		return
	}
	h := &held{header: w.Header()}
	g.mux.ServeHTTP(h, r)
	e.Phase, e.Status = audit.Done, h.code()
	if err := g.write(e, true); err != nil {
		g.Log.Error("a change was made whose outcome the audit log lacks", "request", e.RequestID, "error", err)
		writeProblem(w, newProblem(http.StatusServiceUnavailable, "the change was carried out, but its outcome cannot be written to the audit log"))
		return
	}
	w.WriteHeader(h.code())
	_, _ = w.Write(h.body.Bytes())
}

// held is an answer that waits for the audit log.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header { return h.header }

func (h *held) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

func (h *held) Write(b []byte) (int, error) { return h.body.Write(b) }

func (h *held) code() int {
	if h.status == 0 {
		return http.StatusOK
	}
	return h.status
}

type entryKey struct{}

// whoOf is who makes a request; empty where nobody is asked.
func whoOf(ctx context.Context) string {
	if e, ok := ctx.Value(entryKey{}).(*audit.Entry); ok {
		return e.Who
	}
	return ""
}

// note adds to the audit log's entry of a request which queries came and went.
func note(ctx context.Context, added, dropped []string) {
	if e, ok := ctx.Value(entryKey{}).(*audit.Entry); ok {
		e.Added, e.Dropped = added, dropped
	}
}
