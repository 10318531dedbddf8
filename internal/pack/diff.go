package pack

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Diff says how a pack differs from an older one, for those who use it: its version,
// tables, parameters and rules, a line each.
func Diff(old *Manifest, oldFiles Files, m *Manifest, files Files) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if old.Version != m.Version {
		add("version %s, was %s", m.Version, old.Version)
	}
	if !bytes.Equal(oldFiles[old.Tables], files[m.Tables]) {
		add("tables: %s has changed", m.Tables)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Parameters)) {
		was, ok := old.Parameters[name]
		switch now := m.Parameters[name]; {
		case !ok:
			add("parameter %s is new: %s, by default %s", name, now.Type, now.Default)
		case was.Type != now.Type || was.Default != now.Default || was.Min != now.Min || was.Max != now.Max:
			add("parameter %s has changed: %s %s [%s, %s], was %s %s [%s, %s]", name, now.Type, now.Default, now.Min, now.Max, was.Type, was.Default, was.Min, was.Max)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(old.Parameters)) {
		if _, ok := m.Parameters[name]; !ok {
			add("parameter %s is gone", name)
		}
	}
	for i := range m.Rules {
		if text := ruleChange(old, oldFiles, &m.Rules[i], files); text != "" {
			add("rule %s %s", m.Rules[i].Name, text)
		}
	}
	for i := range old.Rules {
		if m.rule(old.Rules[i].Name) == nil {
			add("rule %s is gone", old.Rules[i].Name)
		}
	}
	return list
}

func (m *Manifest) rule(name string) *Rule {
	for i := range m.Rules {
		if m.Rules[i].Name == name {
			return &m.Rules[i]
		}
	}
	return nil
}

func ruleChange(old *Manifest, oldFiles Files, r *Rule, files Files) string {
	was := old.rule(r.Name)
	switch {
	case was == nil:
		return "is new: " + r.Severity
	case !bytes.Equal(oldFiles[was.File], files[r.File]):
		return "has another text"
	case was.Severity != r.Severity:
		return fmt.Sprintf("is %s, was %s", r.Severity, was.Severity)
	case !reflect.DeepEqual(was, r):
		return "has another owner, runbook, description, tags or tests"
	}
	return ""
}
