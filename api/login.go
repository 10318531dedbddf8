package api

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/cepd/cepd/api/audit"
)

//go:embed login.html
var loginText string

var loginTemplate = template.Must(template.New("login").Parse(loginText))

// maxForm bounds the form of a login, in bytes.
const maxForm = 4096

func loginPage(w http.ResponseWriter, _ *http.Request) { showLogin(w, http.StatusOK, "") }

func showLogin(w http.ResponseWriter, status int, failed string) {
	pageHeaders(w)
	w.WriteHeader(status)
	_ = loginTemplate.Execute(w, failed)
}

// login begins a session with the token of the form.
func (p *Protection) login(w http.ResponseWriter, r *http.Request) {
	e := r.Context().Value(entryKey{}).(*audit.Entry)
	if p.open() {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	who, err := p.Auth.Login(w, r, r.PostFormValue("token"))
	if err != nil {
		h := &held{header: w.Header()}
		problem := unauthorized(w, err)
		p.refuse(h, e, problem)
		showLogin(w, problem.Status, problem.Detail)
		return
	}
	e.Who, e.Role, e.Phase, e.Status = who.Name, who.Role.String(), audit.Done, http.StatusSeeOther
	if err := p.write(e, true); err != nil {
		p.Log.Error("refused a login, as the audit log cannot be written", "error", err)
		p.Auth.Logout(w, r)
		showLogin(w, http.StatusServiceUnavailable, "the audit log cannot be written")
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (p *Protection) logout(w http.ResponseWriter, r *http.Request) {
	if !p.open() {
		p.Auth.Logout(w, r)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// pageHeaders keep a page from loading or running anything, and from standing
// in another.
func pageHeaders(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "same-origin")
}
