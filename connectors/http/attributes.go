package http

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cepd/cepd/connectors"
)

// maxAttributes is how many bytes the attributes of a post may have.
const maxAttributes = 16 << 10

// Attributes collects the headers of a post that are kept with its events, by the
// HTTP binding of CloudEvents: ce-NAME, decoded, and content-type.
type Attributes struct {
	list []connectors.Header
	size int
	err  error
}

// Add takes a header of the post, if it is one.
func (a *Attributes) Add(name, value string) {
	name = strings.ToLower(name)
	switch {
	case strings.HasPrefix(name, attributePrefix):
		text, err := decode(value)
		if err != nil && a.err == nil {
			a.err = fmt.Errorf("header %s: %w", name, err)
		}
		value = text
	case name != "content-type":
		return
	}
	a.size += len(name) + len(value)
	if a.size > maxAttributes && a.err == nil {
		a.err = fmt.Errorf("headers ce-… have more than %d bytes", maxAttributes)
	}
	if a.err == nil {
		a.list = append(a.list, connectors.Header{Key: name, Value: []byte(value)})
	}
}

// Headers are the headers, by name; none where the post is no event in binary mode.
func (a *Attributes) Headers() ([]connectors.Header, error) {
	if a.err == nil && len(a.list) == 1 && a.list[0].Key == "content-type" {
		return nil, nil
	}
	sort.Slice(a.list, func(i, j int) bool { return a.list[i].Key < a.list[j].Key })
	return a.list, a.err
}

// decode undoes quoting (RFC 9110, 5.6.4) and percent-encoding (section 3.1.3.2 of
// the HTTP binding). A percent sign that encodes nothing stays: there are senders
// that encode nothing.
func decode(value string) (string, error) {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = unquote(value[1 : len(value)-1])
	}
	var text []byte
	for i := 0; i < len(value); i++ {
		if c, err := strconv.ParseUint(value[i+1:min(i+3, len(value))], 16, 8); value[i] == '%' && i+2 < len(value) && err == nil {
			text = append(text, byte(c))
			i += 2
			continue
		}
		text = append(text, value[i])
	}
	if !utf8.Valid(text) {
		return "", fmt.Errorf("%q is not UTF-8", value)
	}
	return string(text), nil
}

func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
