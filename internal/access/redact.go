package access

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// minRedacted is the length from which a secret is taken out of texts:
	// shorter ones are in every text by chance.
	minRedacted = 4
	// maxSecrets bounds what is remembered.
	maxSecrets = 10_000
)

// redactor knows secrets and what to write in their place.
type redactor struct {
	mu       sync.Mutex
	values   map[string]string // value to reference
	replacer atomic.Pointer[strings.Replacer]
}

// add remembers a value, and the part behind a colon, which of user:password
// is the password.
func (r *redactor) add(value, ref string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(value) < minRedacted || r.values[value] != "" {
		return nil
	}
	if len(r.values) >= maxSecrets {
		return fmt.Errorf("there are more than %d secrets", maxSecrets)
	}
	if r.values == nil {
		r.values = map[string]string{}
	}
	r.values[value] = ref
	if _, password, ok := strings.Cut(value, ":"); ok && len(password) >= minRedacted {
		r.values[password] = ref
	}
	r.rebuild()
	return nil
}

// rebuild makes the replacer; longer values first, so that one inside another
// does not break it up.
func (r *redactor) rebuild() {
	forms := map[string]string{}
	for value, ref := range r.values {
		for _, form := range spellings(value) {
			forms[form] = ref
		}
	}
	keys := make([]string, 0, len(forms))
	for form := range forms {
		keys = append(keys, form)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(keys))
	for _, form := range keys {
		pairs = append(pairs, form, forms[form])
	}
	r.replacer.Store(strings.NewReplacer(pairs...))
}

// spellings are how texts write a value: as it is, quoted, in a URL.
func spellings(value string) []string {
	quoted := strconv.Quote(value)
	coded, _ := json.Marshal(value)
	return []string{value, quoted[1 : len(quoted)-1], string(coded[1 : len(coded)-1]), url.QueryEscape(value), url.PathEscape(value)}
}

// Redact puts references in the place of the secrets that were resolved.
func (p *Policy) Redact(text string) string {
	if p == nil {
		return text
	}
	if r := p.values.replacer.Load(); r != nil {
		return r.Replace(text)
	}
	return text
}

// RedactError is err with a text that has no secret. Its causes are kept for
// errors.Is and errors.As; their own texts are not to be shown.
func (p *Policy) RedactError(err error) error {
	if err == nil || p == nil {
		return err
	}
	text := err.Error()
	if clean := p.Redact(text); clean != text {
		return redacted{clean, err}
	}
	return err
}

type redacted struct {
	text  string
	cause error
}

func (e redacted) Error() string { return e.text }
func (e redacted) Unwrap() error { return e.cause }
