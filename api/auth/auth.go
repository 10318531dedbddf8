package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Config says who may ask. The zero value: everybody is admin.
type Config struct {
	TokenFile    string
	Certificates []Certificate
}

// Certificate gives the holder of a client certificate a role.
type Certificate struct {
	Subject string `yaml:"subject"` // as in RFC 2253: CN=alice,O=Example
	Role    Role   `yaml:"role"`
}

// What a request fails with.
var (
	ErrNone    = errors.New("no token was given: send 'Authorization: Bearer TOKEN', or log in on the page")
	ErrUnknown = errors.New("the token is not known, or has expired")
	ErrBlocked = errors.New("too many failed logins from this address; try again in a minute")
)

// Authenticator knows who asks. It is safe for concurrent use.
type Authenticator struct {
	open         bool // everybody is admin
	tokens       *reloaded[*Tokens]
	certificates map[string]Role // by subject
	sessions     sessions
	limiter      limiter
	now          func() time.Time
}

// New reads the files of the configuration.
func New(c Config, log *slog.Logger) (*Authenticator, error) {
	return newAuthenticator(c, log, time.Now)
}

func newAuthenticator(c Config, log *slog.Logger, now func() time.Time) (*Authenticator, error) {
	a := &Authenticator{certificates: map[string]Role{}, now: now}
	a.sessions = sessions{now: now, live: map[string]session{}}
	a.limiter.now, a.limiter.known = now, map[netip.Prefix]*failures{}
	for _, x := range c.Certificates {
		if x.Subject == "" || x.Role == None || a.certificates[x.Subject] != None {
			return nil, fmt.Errorf("auth.certificates: subject '%s': subject or role is missing, or the subject is there twice", x.Subject)
		}
		a.certificates[x.Subject] = x.Role
	}
	a.open = c.TokenFile == "" && len(c.Certificates) == 0
	if c.TokenFile == "" {
		return a, nil
	}
	var err error
	a.tokens, err = newReloaded(log, now, func() (*Tokens, error) { return ReadTokens(c.TokenFile) }, c.TokenFile)
	return a, err
}

// Open says whether nobody has to say who they are.
func (a *Authenticator) Open() bool { return a.open }

// Everybody is who asks an open server.
var Everybody = Principal{Name: "anonymous", Role: Admin}

// Authenticate says who asks: by token, session or certificate, in this order.
// A client with a token that is not known fails, whatever else it has.
func (a *Authenticator) Authenticate(r *http.Request) (Principal, error) {
	if a.open {
		return Everybody, nil
	}
	if text, ok := bearer(r); ok {
		return a.byToken(r.RemoteAddr, text)
	}
	if c, err := r.Cookie(CookieName); err == nil {
		if p, ok := a.bySession(c.Value); ok {
			return p, nil
		}
	}
	return a.byCertificate(r)
}

// bySession asks for the token of a session again: it may have been taken away,
// or have another role.
func (a *Authenticator) bySession(id string) (Principal, bool) {
	token, ok := a.sessions.find(id)
	if ok {
		token, ok = a.tokens.get().again(token, a.now())
	}
	return Principal{token.Name, token.Role}, ok
}

func bearer(r *http.Request) (string, bool) {
	scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(text), ok && strings.EqualFold(scheme, "Bearer")
}

func (a *Authenticator) byToken(remote, text string) (Principal, error) {
	token, err := a.find(remote, text)
	return Principal{token.Name, token.Role}, err
}

// find looks a token up. An address that has failed too often learns nothing.
func (a *Authenticator) find(remote, text string) (Token, error) {
	if a.limiter.blocked(remote) {
		return Token{}, ErrBlocked
	}
	if a.tokens != nil {
		if token, ok := a.tokens.get().Find(text, a.now()); ok {
			return token, nil
		}
	}
	a.limiter.failed(remote)
	return Token{}, ErrUnknown
}

func (a *Authenticator) byCertificate(r *http.Request) (Principal, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return Principal{}, ErrNone
	}
	subject := r.TLS.VerifiedChains[0][0].Subject.String()
	if role := a.certificates[subject]; role != None {
		return Principal{subject, role}, nil
	}
	return Principal{}, fmt.Errorf("%w; the certificate of '%s' has no role (setting 'auth.certificates' of the server)", ErrNone, subject)
}

// FirstBlocked says, of an address that is blocked, whether that is asked for
// the first time: a log that takes it down once cannot be flooded.
func (a *Authenticator) FirstBlocked(remote string) bool { return a.limiter.first(remote) }

// Login begins a session of the page with a token and sets its cookie.
func (a *Authenticator) Login(w http.ResponseWriter, r *http.Request, text string) (Principal, error) {
	token, err := a.find(r.RemoteAddr, strings.TrimSpace(text))
	if err != nil {
		return Principal{}, err
	}
	http.SetCookie(w, cookie(a.sessions.begin(token), r.TLS != nil, int(sessionLife.Seconds())))
	return Principal{token.Name, token.Role}, nil
}

// Logout ends the session of a request.
func (a *Authenticator) Logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(CookieName); err == nil {
		a.sessions.end(c.Value)
	}
	http.SetCookie(w, cookie("", r.TLS != nil, -1))
}
