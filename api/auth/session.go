package auth

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"
)

const (
	// CookieName is the cookie of a session.
	CookieName  = "cepd_session"
	sessionLife = 12 * time.Hour
	maxSessions = 1_000 // the oldest ends when there are more
)

// sessions are the logins of the page. They end with the process.
type sessions struct {
	now func() time.Time

	mu   sync.Mutex
	live map[string]session
}

type session struct {
	token Token
	ends  time.Time
}

func (s *sessions) begin(token Token) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, x := range s.live {
		if !s.now().Before(x.ends) {
			delete(s.live, id)
		}
	}
	for len(s.live) >= maxSessions {
		s.dropOldest()
	}
	id := rand.Text()
	s.live[id] = session{token, s.now().Add(sessionLife)}
	return id
}

func (s *sessions) dropOldest() {
	var oldest string
	for id, x := range s.live {
		if oldest == "" || x.ends.Before(s.live[oldest].ends) {
			oldest = id
		}
	}
	delete(s.live, oldest)
}

func (s *sessions) find(id string) (Token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.live[id]
	return x.token, ok && s.now().Before(x.ends)
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, id)
}

func cookie(id string, secure bool, age int) *http.Cookie {
	return &http.Cookie{Name: CookieName, Value: id, Path: "/", MaxAge: age, HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode}
}
