package access

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// reference is ${env:NAME}, ${file:PATH} or ${file:PATH:KEY}, as Kafka's
// configuration providers write them.
var reference = regexp.MustCompile(`\$\{(env|file):([^${}]*)\}`)

// HasReference says whether a value refers to a secret.
func HasReference(value string) bool { return reference.MatchString(value) }

// IsReference says whether a value is one reference and nothing else.
func IsReference(value string) bool { return value != "" && reference.FindString(value) == value }

// Resolve puts secrets in the place of the references in an option's value.
// What it puts there is not looked at again.
func (p *Policy) Resolve(value string) (string, error) {
	if p != nil && p.blind {
		return value, nil
	}
	var failed error
	out := reference.ReplaceAllStringFunc(value, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		text, err := p.lookUp(m[1], m[2])
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", ref, err))
			return ref
		}
		if p != nil {
			failed = errors.Join(failed, p.values.add(text, ref))
		}
		return text
	})
	return out, failed
}

func (p *Policy) lookUp(kind, what string) (string, error) {
	if kind == "env" {
		return p.fromEnv(what)
	}
	return p.fromFile(what)
}

func (p *Policy) fromEnv(name string) (string, error) {
	if p.Confined() && !allowsName(p.env, name) {
		return "", refusal("secrets.env", "the environment's %s", name)
	}
	text, ok := os.LookupEnv(name)
	if !ok {
		return "", fmt.Errorf("the environment has no %s", name)
	}
	return text, nil
}

func allowsName(list []string, name string) bool {
	for _, allowed := range list {
		prefix, any := strings.CutSuffix(allowed, "*")
		if allowed == name || any && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// fromFile reads a whole file without the line end at its end, or the value of
// a key in a file of lines key=value.
func (p *Policy) fromFile(what string) (string, error) {
	path, key := what, ""
	if i := strings.LastIndexByte(what, ':'); i > 1 { // 1: a drive
		path, key = what[:i], what[i+1:]
	}
	text, err := p.readSecret(path)
	if err != nil {
		return "", err
	}
	if key == "" {
		return strings.TrimRight(string(text), "\r\n"), nil
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s has no line %s=…", path, key)
}

// readSecret reads a file below the folders for secrets.
func (p *Policy) readSecret(path string) ([]byte, error) {
	if !p.Confined() {
		return p.ReadFile(path)
	}
	var f *os.File
	err := within(p.dirs, "secrets.dirs", path, func(r *os.Root, rel string) (err error) {
		f, err = r.Open(rel)
		return err
	})
	if err != nil {
		return nil, err
	}
	return readSmall(f)
}
