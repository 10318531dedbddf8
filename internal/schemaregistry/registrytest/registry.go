// Package registrytest is a schema registry in the process, for tests: the part
// of Confluent's API that cepd uses, with switches for failing.
package registrytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/internal/listentest"
)

// Registry is a registry that listens on localhost until the test ends.
type Registry struct {
	URL   string
	Calls atomic.Int64 // answered, in whatever way
	// Failing is the status that every call is answered with; 0: none.
	Failing atomic.Int32
	// Flaky has every other call fail, the first one too.
	Flaky bool
	// Check refuses a schema for a subject that has others; nil: none is refused.
	Check func(have []sr.Schema, s sr.Schema) error
	// Answer is what every call is answered with, 200 OK; "": the truth.
	Answer atomic.Value
	// Auth is the Authorization header that calls need; "": none.
	Auth string

	server *httptest.Server

	mu       sync.Mutex
	schemas  []sr.Schema      // by id, from 1
	subjects map[string][]int // ids of the versions, from 1
}

// New starts a registry.
func New(t testing.TB) *Registry {
	r := &Registry{subjects: map[string][]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schemas/ids/{id}", r.byID)
	mux.HandleFunc("GET /subjects/{subject}/versions/{version}", r.byVersion)
	mux.HandleFunc("POST /subjects/{subject}/versions", r.create)
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		calls := r.Calls.Add(1)
		switch status := int(r.Failing.Load()); {
		case r.Flaky && calls%2 == 1:
			fail(w, http.StatusServiceUnavailable, "failing now and then")
		case status != 0:
			fail(w, status, "failing")
		case r.Answer.Load() != nil && r.Answer.Load() != "":
			_, _ = w.Write([]byte(r.Answer.Load().(string)))
		case r.Auth != "" && q.Header.Get("Authorization") != r.Auth:
			fail(w, http.StatusUnauthorized, "unauthorized")
		default:
			mux.ServeHTTP(w, q)
		}
	}))
	t.Cleanup(func() { r.server.Close() })
	r.URL = r.server.URL
	return r
}

// Down has nobody answer at the registry's address.
func (r *Registry) Down() { r.server.Close() }

// Up has the registry back at its address, with what it knew.
func (r *Registry) Up(t testing.TB) {
	t.Helper()
	again := &httptest.Server{Listener: listentest.Again(t, r.server.Listener.Addr().String()), Config: &http.Server{Handler: r.server.Config.Handler}}
	again.Start()
	r.server = again
}

// Add puts a schema under a subject and says its id.
func (r *Registry) Add(subject string, s sr.Schema) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, _ := json.Marshal(s)
	for _, id := range r.subjects[subject] {
		if have, _ := json.Marshal(r.schemas[id-1]); string(have) == string(text) {
			return id
		}
	}
	r.schemas = append(r.schemas, s)
	id := len(r.schemas)
	r.subjects[subject] = append(r.subjects[subject], id)
	return id
}

// Versions are the schemas of a subject.
func (r *Registry) Versions(subject string) (out []sr.Schema) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.subjects[subject] {
		out = append(out, r.schemas[id-1])
	}
	return out
}

func (r *Registry) byID(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, _ := strconv.Atoi(q.PathValue("id"))
	if id < 1 || id > len(r.schemas) {
		fail(w, http.StatusNotFound, fmt.Sprintf("Schema %d not found", id))
		return
	}
	answer(w, r.schemas[id-1])
}

func (r *Registry) byVersion(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	subject := q.PathValue("subject")
	version, _ := strconv.Atoi(q.PathValue("version"))
	ids := r.subjects[subject]
	if version < 1 || version > len(ids) {
		fail(w, http.StatusNotFound, "Version not found")
		return
	}
	id := ids[version-1]
	answer(w, sr.SubjectSchema{Subject: subject, Version: version, ID: id, Schema: r.schemas[id-1]})
}

func (r *Registry) create(w http.ResponseWriter, q *http.Request) {
	var s sr.Schema
	if err := json.NewDecoder(q.Body).Decode(&s); err != nil {
		fail(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	subject := q.PathValue("subject")
	if have := r.Versions(subject); r.Check != nil && len(have) > 0 {
		if err := r.Check(have, s); err != nil {
			fail(w, http.StatusConflict, err.Error())
			return
		}
	}
	answer(w, map[string]int{"id": r.Add(subject, s)})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error_code": status*100 + 3, "message": message})
}
