package api

import (
	"bytes"
	"compress/gzip"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/cepd/cepd/api/audit"
	"github.com/cepd/cepd/ui"
)

// pagePolicy lets the page load its own files, call its own server, and nothing
// else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// page is the web page. What it shows it asks of the routes under /v1.
func page(version string, login bool) http.HandlerFunc {
	t := template.Must(template.ParseFS(ui.Files(), "index.html"))
	return func(w http.ResponseWriter, r *http.Request) {
		pageHeaders(w)
		w.Header().Set("Content-Security-Policy", pagePolicy)
		e := r.Context().Value(entryKey{}).(*audit.Entry)
		_ = t.Execute(w, struct {
			Version, User, Role string
			Login               bool
		}{version, e.Who, e.Role, login})
	}
}

// asset is a file of the page, packed.
type asset struct{ kind, packed string }

// assets are the files of the page, by name.
func assets() http.HandlerFunc {
	list := map[string]asset{}
	files := ui.Files()
	names, err := fs.Glob(files, "*")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, name := range names {
		if text, err := fs.ReadFile(files, name); err == nil && name != "index.html" {
			list[name] = asset{mime.TypeByExtension(path.Ext(name)), packed(text)}
		}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		a, ok := list[r.PathValue("file")]
		if !ok {
			notThere(w, r)
			return
		}
		w.Header().Set("Content-Type", a.kind)
		w.Header().Set("Content-Encoding", "gzip") // which every browser takes
		w.Header().Set("Cache-Control", "private, max-age=3600")
		if strings.Contains(r.PathValue("file"), "-") { // the name has a hash of the content
			w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
		}
		_, _ = w.Write([]byte(a.packed))
	}
}

func packed(text []byte) string {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	_, _ = z.Write(text) // into memory
	_ = z.Close()
	return b.String()
}
