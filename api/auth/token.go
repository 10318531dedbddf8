package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	prefix      = "cepd_" // so that a token is recognised where it does not belong
	tokenBytes  = 32
	maxTokens   = 10_000
	maxFileSize = 8 << 20
)

// Token is what a server knows of a token.
type Token struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	SHA256  string    `json:"sha256"` // of the token's text, in hex
	Expires time.Time `json:"expires,omitzero"`
}

// NewToken makes a token: its text, and what the server gets to know of it.
func NewToken(name string, role Role, expires time.Time) (string, Token) {
	secret := make([]byte, tokenBytes)
	_, _ = rand.Read(secret) // never fails
	text := prefix + base64.RawURLEncoding.EncodeToString(secret)
	sum := sha256.Sum256([]byte(text))
	return text, Token{Name: name, Role: role, SHA256: hex.EncodeToString(sum[:]), Expires: expires}
}

// Tokens are the tokens of a file.
type Tokens struct {
	list []Token
	sums [][sha256.Size]byte
}

type tokenFile struct {
	Tokens []Token `json:"tokens"`
}

// ReadTokens reads a file of tokens: {"tokens": [{"name": …, "role": …, "sha256": …, "expires": …}]}.
func ReadTokens(file string) (*Tokens, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileSize {
		return nil, fmt.Errorf("%s has more than %d bytes", file, maxFileSize)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t, err := parseTokens(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

func parseTokens(text []byte) (*Tokens, error) {
	var f tokenFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	if len(f.Tokens) > maxTokens {
		return nil, fmt.Errorf("more than %d tokens", maxTokens)
	}
	t := &Tokens{list: f.Tokens, sums: make([][sha256.Size]byte, len(f.Tokens))}
	names := map[string]bool{}
	for i, token := range f.Tokens {
		n, err := hex.Decode(t.sums[i][:], []byte(token.SHA256[:min(len(token.SHA256), 2*sha256.Size)]))
		switch {
		case token.Name == "" || names[token.Name]:
			return nil, fmt.Errorf("token %d: a name is missing, or used twice: '%s'", i+1, token.Name)
		case token.Role == None:
			return nil, fmt.Errorf("token '%s': role is missing", token.Name)
		case err != nil || n != sha256.Size || len(token.SHA256) != 2*sha256.Size:
			return nil, fmt.Errorf("token '%s': sha256 has to be 64 hexadecimal digits", token.Name)
		}
		names[token.Name] = true
	}
	return t, nil
}

// Find is the token with a text, unless it has expired. All are compared, each
// in constant time.
func (t *Tokens) Find(text string, now time.Time) (Token, bool) {
	sum := sha256.Sum256([]byte(text))
	found := -1
	for i := range t.sums {
		if subtle.ConstantTimeCompare(sum[:], t.sums[i][:]) == 1 {
			found = i
		}
	}
	if found < 0 || !strings.HasPrefix(text, prefix) || t.list[found].expired(now) {
		return Token{}, false
	}
	return t.list[found], true
}

// again is what is known now of a token that was found before.
func (t *Tokens) again(token Token, now time.Time) (Token, bool) {
	for _, have := range t.list {
		if have.SHA256 == token.SHA256 {
			return have, !have.expired(now)
		}
	}
	return Token{}, false
}

func (t Token) expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// AddToken adds a token to a file, which is made if it is not there.
func AddToken(file string, token Token) error {
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		text, err = []byte(`{"tokens": []}`), nil
	}
	if err != nil {
		return err
	}
	have, err := parseTokens(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	out, err := json.MarshalIndent(tokenFile{append(have.list, token)}, "", "  ")
	if err != nil {
		return err
	}
	if _, err := parseTokens(out); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(out, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
