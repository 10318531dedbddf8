package kafka

import (
	"errors"
	"strings"
)

// parseJAAS reads a login module entry as Java configures it:
//
//	org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";
//
// The text is never part of an error, as it holds the password.
func parseJAAS(s string) (map[string]string, error) {
	module, s := word(s)
	switch module[strings.LastIndexByte(module, '.')+1:] {
	case "PlainLoginModule", "ScramLoginModule", "OAuthBearerLoginModule":
	default:
		return nil, errors.New("only PlainLoginModule, ScramLoginModule and OAuthBearerLoginModule are supported")
	}
	flag, s := word(s)
	if flag != "required" {
		return nil, errors.New("'required' is missing after the module")
	}
	out := map[string]string{}
	for {
		s = strings.TrimSpace(s)
		if s == ";" {
			return out, nil
		}
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return nil, errors.New("want name=\"value\" pairs and a closing ';'")
		}
		value, rest, err := jaasValue(strings.TrimSpace(rest))
		if err != nil {
			return nil, err
		}
		out[strings.TrimSpace(name)], s = value, rest
	}
}

const space = " \t\r\n"

// word cuts the first word off.
func word(s string) (first, rest string) {
	s = strings.TrimLeft(s, space)
	end := strings.IndexAny(s, space)
	if end < 0 {
		return s, ""
	}
	return s[:end], s[end:]
}

// jaasValue reads a value, quoted (with backslash escapes) or bare.
func jaasValue(s string) (value, rest string, err error) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		end := strings.IndexAny(s, space+";")
		if end < 0 {
			return "", "", errors.New("the closing ';' is missing")
		}
		return s[:end], s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", errors.New("a quote is not closed")
}
