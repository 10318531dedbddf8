package pack

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"
)

// ManifestName is the file that makes a folder a pack.
const ManifestName = "pack.yaml"

// Manifest is what a pack says of itself.
type Manifest struct {
	Name        string               `yaml:"name"`
	Version     string               `yaml:"version"` // semantic
	Description string               `yaml:"description"`
	Owner       string               `yaml:"owner"`
	Licence     string               `yaml:"licence"` // SPDX
	Cepd        string               `yaml:"cepd"`    // range of versions; "": any
	Tables      string               `yaml:"tables"`  // file of CREATE TABLE and CREATE VIEW
	Parameters  map[string]Parameter `yaml:"parameters"`
	Rules       []Rule               `yaml:"rules"`
}

// Rule is a rule of a pack: one INSERT.
type Rule struct {
	Name        string   `yaml:"name"`
	File        string   `yaml:"file"`
	Description string   `yaml:"description"`
	Severity    string   `yaml:"severity"`
	Tags        []string `yaml:"tags"`
	Runbook     string   `yaml:"runbook"` // URL
	Owner       string   `yaml:"owner"`   // default: that of the pack
	Tests       []string `yaml:"tests"`   // files
}

// Severities are those a rule may have, from least to most.
var Severities = []string{"informational", "low", "medium", "high", "critical"}

var names = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// Read reads the manifest of a pack. The error tells everything that is wrong.
func Read(pack Files) (*Manifest, error) {
	text, ok := pack[ManifestName]
	if !ok {
		return nil, errors.New("this is no pack: it has no " + ManifestName)
	}
	m := &Manifest{}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestName, err)
	}
	return m, m.validate(pack)
}

// faults collects what is wrong with a manifest.
type faults struct{ errs []error }

func (f *faults) add(format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf(ManifestName+": "+format, args...))
}

func (m *Manifest) validate(pack Files) error {
	f := &faults{}
	if !names.MatchString(m.Name) {
		f.add("name %q: expected letters, digits and _, at most 64", m.Name)
	}
	if _, err := semver.StrictNewVersion(m.Version); err != nil {
		f.add("version %q: expected a semantic version such as 1.4.0", m.Version)
	}
	if m.Cepd != "" {
		if _, err := semver.NewConstraint(m.Cepd); err != nil {
			f.add("cepd %q: expected a range of versions such as >=1.2, <2", m.Cepd)
		}
	}
	for _, s := range []struct{ key, value string }{{"description", m.Description}, {"owner", m.Owner}, {"licence", m.Licence}} {
		if s.value == "" {
			f.add("it has no %s", s.key)
		}
	}
	f.file(pack, "tables", m.Tables)
	for name, p := range m.Parameters {
		if err := p.validate(); err != nil {
			f.add("parameter %s: %w", name, err)
		}
	}
	if len(m.Rules) == 0 {
		f.add("it has no rules")
	}
	for i := range m.Rules {
		m.Rules[i].validate(f, pack, m)
	}
	return errors.Join(f.errs...)
}

func (f *faults) file(pack Files, what, name string) {
	if _, ok := pack[name]; !ok {
		f.add("%s: the pack has no file %q", what, name)
	}
}

func (r *Rule) validate(f *faults, pack Files, m *Manifest) {
	if r.Owner == "" {
		r.Owner = m.Owner
	}
	if !names.MatchString(r.Name) {
		f.add("rule %q: expected a name of letters, digits and _", r.Name)
	}
	if slices.ContainsFunc(m.Rules, func(o Rule) bool { return o.Name == r.Name && o.File != r.File }) {
		f.add("rule %s: there are two", r.Name)
	}
	f.file(pack, "rule "+r.Name+": file", r.File)
	if !slices.Contains(Severities, r.Severity) {
		f.add("rule %s: severity %q: expected one of %s", r.Name, r.Severity, strings.Join(Severities, ", "))
	}
	if u, err := url.Parse(r.Runbook); err != nil || u.Host == "" {
		f.add("rule %s: runbook %q: expected a URL", r.Name, r.Runbook)
	}
	if len(r.Tests) == 0 {
		f.add("rule %s: it has no tests", r.Name)
	}
	for _, t := range r.Tests {
		f.file(pack, "rule "+r.Name+": tests", t)
	}
}

// Supports says whether the pack is for a version of cepd. One that is no release
// supports everything.
func (m *Manifest) Supports(cepd string) error {
	v, notRelease := semver.NewVersion(strings.TrimPrefix(cepd, "v"))
	if notRelease != nil || m.Cepd == "" {
		return nil //nolint:nilerr // what is no release supports everything
	}
	c, err := semver.NewConstraint(m.Cepd)
	if err == nil && !c.Check(v) {
		err = fmt.Errorf("pack %s %s is for cepd %s; this is %s", m.Name, m.Version, m.Cepd, cepd)
	}
	return err
}
