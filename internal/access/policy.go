package access

import (
	"errors"
	"fmt"
	"path/filepath"
)

// ErrRefused is the cause of every refusal. It does not pass by itself.
var ErrRefused = errors.New("not allowed here")

func refusal(setting, format string, args ...any) error {
	return fmt.Errorf("%w: %s; the setting '%s' of the server says what may be used", ErrRefused, fmt.Sprintf(format, args...), setting)
}

// Config says what is allowed.
type Config struct {
	Roots      []string // folders with files that may be read and written
	Network    []string // host:port; host a name, *.suffix, *, an address or a CIDR range; port a number or *
	SecretEnv  []string // environment variables that ${env:NAME} may name; * at the end stands for any rest
	SecretDirs []string // folders with files that ${file:PATH} and options for keys may name
	Literals   bool     // whether passwords and keys may stand in a query's text
}

// Policy decides. It is safe for concurrent use; a nil one allows everything
// and redacts nothing.
type Policy struct {
	confined bool
	roots    []string
	network  []rule
	env      []string
	dirs     []string
	literals bool
	blind    bool // references stay as they are
	values   redactor
}

// Unrestricted allows everything.
func Unrestricted() *Policy { return &Policy{literals: true} }

// Blind allows everything and leaves references to secrets as they are, for
// runs that have no use for them.
func Blind() *Policy { return &Policy{literals: true, blind: true} }

// New makes the policy of a server.
func New(c Config) (*Policy, error) {
	p := &Policy{confined: true, env: c.SecretEnv, literals: c.Literals}
	var err error
	if p.roots, err = absolute(c.Roots); err != nil {
		return nil, err
	}
	if p.dirs, err = absolute(c.SecretDirs); err != nil {
		return nil, err
	}
	for _, text := range c.Network {
		r, err := parseRule(text)
		if err != nil {
			return nil, fmt.Errorf("network.allow: '%s': %w", text, err)
		}
		p.network = append(p.network, r)
	}
	return p, nil
}

func absolute(dirs []string) ([]string, error) {
	var out []string
	for _, d := range dirs {
		a, err := filepath.Abs(d)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// Confined says whether anything is refused.
func (p *Policy) Confined() bool { return p != nil && p.confined }

// Literals says whether passwords and keys may stand in a query's text.
func (p *Policy) Literals() bool { return p == nil || p.literals }
