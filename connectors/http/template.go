package http

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/function"
)

// template is a URL with places for the columns of a key.
type template struct {
	texts  []string // before each place, and after the last
	places []string // names of columns
	from   []int    // of each place: the column of the key
	query  []int    // columns of the key that have no place
	keys   []connectors.Column
}

// parseTemplate divides a text such as 'https://host/customers/{id}'.
func parseTemplate(text string) (*template, error) {
	t := &template{}
	rest := text
	for {
		before, after, found := strings.Cut(rest, "{")
		t.texts = append(t.texts, before)
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || name == "" {
			return nil, errors.New("expected the name of a column and } after {")
		}
		t.places, rest = append(t.places, name), tail
	}
	u, err := url.Parse(strings.Join(t.texts, "x"))
	switch {
	case err != nil:
		return nil, errors.New("it is no URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("expected http://… or https://…")
	case u.User != nil:
		return nil, errors.New("a name or password has no place in it: give 'http.source.lookup.header.Authorization'")
	case strings.Contains(t.texts[0], "//") && !strings.Contains(t.texts[0][strings.Index(t.texts[0], "//")+2:], "/") && len(t.places) > 0:
		return nil, errors.New("the host cannot depend on the row: expected a / before the first {")
	}
	return t, nil
}

// bind says which column of the key goes where.
func (t *template) bind(keys []connectors.Column) error {
	t.keys = keys
	used := make([]bool, len(keys))
	for _, place := range t.places {
		at := -1
		for i, k := range keys {
			if strings.EqualFold(k.Name, place) {
				at = i
			}
		}
		if at < 0 {
			return fmt.Errorf("{%s} is no column that the join gives a value for: add an equality with it to ON", place)
		}
		t.from, used[at] = append(t.from, at), true
	}
	for i := range keys {
		if !used[i] {
			t.query = append(t.query, i)
		}
	}
	return nil
}

// fill is the URL for row i of keys.
func (t *template) fill(keys *event.Batch, i int) string {
	var b strings.Builder
	inQuery := false
	for k, text := range t.texts {
		b.WriteString(text)
		if inQuery = inQuery || strings.Contains(text, "?"); k == len(t.from) {
			break
		}
		if v := t.text(keys, t.from[k], i); inQuery {
			b.WriteString(url.QueryEscape(v))
		} else {
			b.WriteString(url.PathEscape(v))
		}
	}
	for _, c := range t.query {
		mark := "?"
		if inQuery {
			mark = "&"
		}
		inQuery = true
		b.WriteString(mark + url.QueryEscape(t.keys[c].Name) + "=" + url.QueryEscape(t.text(keys, c, i)))
	}
	return b.String()
}

func (t *template) text(keys *event.Batch, c, i int) string {
	return function.Text(keys.Cols[c].Type, keys.Cols[c].Value(i), time.UTC)
}
