package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// single are the resources that have an ETag: the digest of what a GET of them
// answers.
var single = []string{"/v1/queries/{name}", "/v1/tables/{name}", "/v1/savepoints/{name}"}

// ownTags is the end of the paths of resources that have ETags of their own, which
// their operations look after.
const ownTags = "/parameters/{key}"

// resourceOf is the path of the resource that a request to a pattern is about;
// empty: it has no ETag.
func resourceOf(pattern string, r *http.Request) string {
	_, path, _ := strings.Cut(pattern, " ")
	if strings.HasSuffix(path, ownTags) {
		return ""
	}
	for _, s := range single {
		if path != s && !strings.HasPrefix(path, s+"/") {
			continue
		}
		parts := strings.SplitN(r.URL.EscapedPath(), "/", 5) // "", v1, kind, name, rest
		return strings.Join(parts[:4], "/")
	}
	return ""
}

// conditional obeys If-None-Match of a GET and If-Match of a change.
func (g *gate) conditional(w http.ResponseWriter, r *http.Request, pattern string, next http.HandlerFunc) {
	resource := resourceOf(pattern, r)
	reading := r.Method == http.MethodGet
	switch {
	case resource == "":
		next(w, r)
	case reading && slices.Contains(single, strings.TrimPrefix(pattern, "GET ")):
		h := &held{header: w.Header()}
		next(h, r)
		if h.code() == http.StatusOK {
			tag := etag(h)
			w.Header().Set("ETag", tag)
			if matches(r.Header.Get("If-None-Match"), tag) {
				w.Header().Del("Content-Type")
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		w.WriteHeader(h.code())
		_, _ = w.Write(h.body.Bytes())
	case !reading && r.Header.Get("If-Match") != "":
		g.changing.Lock() // between the look and the change comes no other that looks
		defer g.changing.Unlock()
		if !matches(r.Header.Get("If-Match"), g.tagOf(r, resource)) {
			writeProblem(w, newProblem(http.StatusPreconditionFailed, resource+" is not, or not any more, as If-Match says: read it again"))
			return
		}
		next(w, r)
	default:
		next(w, r)
	}
}

// tagOf is the ETag of a resource as it is; empty: it is not there.
func (g *gate) tagOf(r *http.Request, resource string) string {
	look := r.Clone(context.WithoutCancel(r.Context()))
	look.Method, look.Body, look.URL.RawQuery = http.MethodGet, http.NoBody, ""
	look.ContentLength = 0
	url, err := r.URL.Parse(resource)
	if err != nil {
		return ""
	}
	look.URL = url
	h := &held{header: http.Header{}}
	g.mux.ServeHTTP(h, look)
	if h.code() != http.StatusOK {
		return ""
	}
	return etag(h)
}

func etag(h *held) string { return `"` + digestOf(h.body.String())[:32] + `"` }

// matches says whether a list of tags, or *, has a tag.
func matches(list, tag string) bool {
	if tag == "" || list == "" {
		return false
	}
	for t := range strings.SplitSeq(list, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}

// headersOf describes the headers that an operation obeys beside its own.
func headersOf(method, path string) (list []*huma.Param) {
	add := func(name, doc string, most int) {
		list = append(list, &huma.Param{Name: name, In: "header", Description: doc, Schema: &huma.Schema{Type: huma.TypeString, MaxLength: &most}})
	}
	if method == http.MethodPost && !strings.HasSuffix(path, ownKeys) {
		add(idempotencyHeader, "The same request with the same key gets the same answer, for 24 hours, and changes nothing a second time", maxKeyLength)
	}
	for _, s := range single {
		switch {
		case method == http.MethodGet && path == s:
			add("If-None-Match", "The ETag of an earlier answer: 304 when nothing has changed", 1024)
		case strings.HasSuffix(path, ownTags): // it describes them
		case method != http.MethodGet && (path == s || strings.HasPrefix(path, s+"/")):
			add("If-Match", "The ETag of what is to be changed: 412 when it is not as it was", 1024)
		}
	}
	return list
}
