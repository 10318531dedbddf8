package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"

	"github.com/cepd/cepd/engine"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

type pageQuery struct {
	engine.Status
	Totals
}

// page is the status page: what runs, and where to look further. It asks
// nothing of other hosts and has no script.
func page(s *Service, version string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		data := struct {
			Version string
			Queries []pageQuery
			Tables  []Table
		}{Version: version, Tables: s.Tables()}
		for _, q := range s.Queries() {
			if status, err := s.Status(q.Name); err == nil {
				data.Queries = append(data.Queries, pageQuery{status, Sum(&status)})
			}
		}
		var text bytes.Buffer
		if err := pageTemplate.Execute(&text, data); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		pageHeaders(w)
		_, _ = w.Write(text.Bytes())
	}
}
