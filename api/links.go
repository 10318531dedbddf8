package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/connectors/outbound"
)

//go:embed links.html
var linkText string

var linkTemplate = template.Must(template.New("link").Parse(linkText))

// linkPage is what who follows a link sees.
type linkPage struct {
	Title, Text string
	Fields      []linkField
	Confirm     bool
}

type linkField struct{ Name, Value string }

// followLink shows what a link would post. It posts nothing: programs that look at
// mails follow links too.
func (s *Service) followLink(w http.ResponseWriter, r *http.Request) {
	event, err := s.openLink(r)
	if err != nil {
		showLinkError(w, err)
		return
	}
	showLink(w, http.StatusOK, &linkPage{Title: "Confirm", Fields: linkFields(event), Confirm: true})
}

// confirmLink posts the event of a link: once, however often it is confirmed.
func (s *Service) confirmLink(w http.ResponseWriter, r *http.Request) {
	event, err := s.openLink(r)
	if err != nil {
		showLinkError(w, err)
		return
	}
	sum := sha256.Sum256([]byte(r.PathValue("token")))
	posted, err := s.PostEvents(r.Context(), r.PathValue("name"), &Events{ContentType: "application/json", Body: event, Key: "link-" + hex.EncodeToString(sum[:]), By: "link"})
	if err != nil {
		showLinkError(w, err)
		return
	}
	page := &linkPage{Title: "Thank you", Text: "It has been recorded.", Fields: linkFields(event)}
	if posted.again {
		page.Text = "It had been recorded before: " + posted.Received
	}
	showLink(w, http.StatusOK, page)
}

// openLink is the event of the link that a request follows.
func (s *Service) openLink(r *http.Request) ([]byte, error) {
	p, err := s.poster(r.PathValue("name"))
	if err != nil || len(p.LinkSecret()) == 0 || !p.JSON() {
		return nil, outbound.ErrLink // what tables there are is nothing for strangers
	}
	return outbound.OpenLink(p.LinkSecret(), p.table.Name, r.PathValue("token"), s.now())
}

// linkFields are the columns of an event, in its order.
func linkFields(event []byte) (list []linkField) {
	d := json.NewDecoder(bytes.NewReader(event))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return list
		}
		text := string(value)
		if quoted := ""; json.Unmarshal(value, &quoted) == nil {
			text = quoted
		}
		key, _ := name.(string)
		list = append(list, linkField{key, text})
	}
	return list
}

// showLinkError says what is wrong with a link, or with posting its event, which may
// be tried again.
func showLinkError(w http.ResponseWriter, err error) {
	page, status := &linkPage{Title: "This did not work", Text: "Please try again later."}, http.StatusServiceUnavailable
	var problem huma.StatusError
	switch {
	case errors.Is(err, outbound.ErrExpired):
		page.Text, status = "The link has expired.", http.StatusGone
	case errors.Is(err, outbound.ErrLink):
		page.Text, status = "The link is not valid.", http.StatusNotFound
	case errors.As(err, &problem):
		status = problem.GetStatus()
	case errors.Is(err, context.Canceled):
		return
	}
	showLink(w, status, page)
}

func showLink(w http.ResponseWriter, status int, page *linkPage) {
	pageHeaders(w)
	w.Header().Set("Referrer-Policy", "no-referrer") // the address is the right to post
	w.WriteHeader(status)
	_ = linkTemplate.Execute(w, page)
}
