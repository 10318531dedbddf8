package api

import (
	"regexp"
	"strings"

	"github.com/cepd/cepd/internal/access"
)

// secretWords are parts of option names whose values are not shown.
var secretWords = []string{"password", "secret", "jaas", "token", "credential", "private", "user-info", "authorization", "api-key", "apikey", "cookie"}

const masked = "******"

// maskSecret masks the value of an option that is named like a secret. A
// reference to one is shown: it is what was written, and all that is kept.
func maskSecret(key, value string) string {
	if access.IsReference(value) {
		return value
	}
	key = strings.ToLower(key)
	for _, w := range secretWords {
		if strings.Contains(key, w) {
			return masked
		}
	}
	return value
}

// optionPair finds 'key' = 'value' in SQL text.
var optionPair = regexp.MustCompile(`'((?:[^']|'')*)'(\s*=\s*)'((?:[^']|'')*)'`)

// maskText masks the secrets in the WITH options of a text.
func maskText(sql string) string {
	return optionPair.ReplaceAllStringFunc(sql, func(pair string) string {
		m := optionPair.FindStringSubmatch(pair)
		return "'" + m[1] + "'" + m[2] + "'" + maskSecret(m[1], m[3]) + "'"
	})
}

// maskParams masks the values of parameters that are named like secrets.
func maskParams(params map[string]string) map[string]string {
	out := make(map[string]string, len(params))
	for k, v := range params {
		out[k] = maskSecret(k, v)
	}
	return out
}
