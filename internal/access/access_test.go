package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func policy(t *testing.T, c Config) *Policy {
	t.Helper()
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFiles tries ways out of a folder.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	write(t, filepath.Join(root, "sub", "in.txt"), "in")
	write(t, filepath.Join(dir, "out.txt"), "out")
	write(t, filepath.Join(dir, "rooted", "x"), "out")
	for link, to := range map[string]string{"up": "../out.txt", "far": filepath.Join(dir, "out.txt"), "dir": "..", "near": "sub/in.txt"} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	p := policy(t, Config{Roots: []string{root}})
	for _, path := range []string{"sub/in.txt", "near", "sub/../near", "./sub/in.txt"} {
		if text, err := p.ReadFile(filepath.Join(root, filepath.FromSlash(path))); string(text) != "in" {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	for _, path := range []string{root + "/../out.txt", root + "/up", root + "/far", root + "/dir/out.txt", dir + "/out.txt", "/etc/passwd", root + "ed/x", root + "/dir/root/sub/in.txt"} {
		for what, do := range map[string]func() error{
			"read":  func() error { _, err := p.ReadFile(path); return err },
			"key":   func() error { _, err := p.ReadKey(path); return err },
			"stat":  func() error { _, err := p.Stat(path); return err },
			"write": func() error { _, err := p.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600); return err },
		} {
			if err := do(); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "setting '") {
				t.Errorf("%s %s: %v", what, path, err)
			}
		}
	}
	if names, err := p.Glob(filepath.Join(root, "*", "*.txt")); len(names) != 1 || err != nil {
		t.Errorf("%v, %v", names, err)
	}
	if names, err := p.Glob(filepath.Join(root, "..", "*")); !errors.Is(err, ErrRefused) {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := p.OpenFile(filepath.Join(root, "new"), os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		t.Error(err)
	}
	if _, err := policy(t, Config{}).ReadFile(filepath.Join(root, "near")); !errors.Is(err, ErrRefused) {
		t.Error("no roots: ", err)
	}
}

func TestNetworkRules(t *testing.T) {
	p := policy(t, Config{Network: []string{"broker:9092", "*.example.org:*", "10.0.0.0/8:9092", "[fd00::/8]:9092", "192.0.2.7:1"}})
	for _, c := range []struct {
		address string
		want    bool
	}{
		{"broker:9092", true}, {"BROKER.:9092", true}, {"broker:9093", false}, {"xbroker:9092", true}, // by range, when it is looked up
		{"xbroker:80", false}, {"a.example.org:1", true}, {"a.b.example.org:1", true}, {"example.org:1", true}, {"aexample.org:80", false},
		{"10.1.2.3:9092", true}, {"10.1.2.3:9093", false}, {"11.1.2.3:9092", false}, {"[fd01::1]:9092", true}, {"[::ffff:10.1.1.1]:9092", true},
		{"192.0.2.7:1", true}, {"192.0.2.8:1", false}, {"169.254.169.254:9092", false},
	} {
		err := p.CheckAddress(c.address)
		if c.address == "example.org:1" { // names that may be looked up to an allowed range
			continue
		}
		if (err == nil) != c.want || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v, want %v", c.address, err, c.want)
		}
	}
	for _, bad := range []string{"", "host", "host:0", "host:70000", ":9", "a*b:1", "10.0.0.0/40:1", "*x*:1"} {
		if _, err := New(Config{Network: []string{bad}}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestDial connects, and is refused where a name leads to an address that is
// not meant.
func TestDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for rule, want := range map[string]bool{
		"*:*": true, "localhost:" + port: true, "127.0.0.0/8:*": true, "10.0.0.0/8:*": false, "localhost:1": false, "other:*": false,
	} {
		conn, err := policy(t, Config{Network: []string{rule}}).DialContext(context.Background(), "tcp4", "localhost:"+port)
		if (err == nil) != want || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", rule, err)
		}
		if err == nil {
			conn.Close()
		}
	}
	anywhere := policy(t, Config{Network: []string{"*:*"}})
	for _, metadata := range []string{"169.254.169.254:80", "[fe80::1]:80", "0.0.0.0:80", "[::]:80", "[::ffff:169.254.169.254]:80"} {
		if _, err := anywhere.DialContext(context.Background(), "tcp", metadata); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", metadata, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "password"), "sesame\n")
	write(t, filepath.Join(dir, "client.properties"), "# x\nuser=alice\npassword = p=w \n")
	write(t, filepath.Join(dir, "..", filepath.Base(dir)+"-outside"), "no")
	t.Setenv("CEPD_SECRET_A", "${env:CEPD_SECRET_B}")
	t.Setenv("OTHER", "x")
	p := policy(t, Config{SecretEnv: []string{"CEPD_SECRET_*"}, SecretDirs: []string{dir}})
	for in, want := range map[string]string{
		"plain":                          "plain",
		"$x ${y} ${env}":                 "$x ${y} ${env}",
		"a${env:CEPD_SECRET_A}b":         "a${env:CEPD_SECRET_B}b",
		"${file:" + dir + "/password}":   "sesame",
		"u:${file:" + dir + "/password}": "u:sesame",
		"${file:" + dir + "/client.properties:password}": "p=w",
	} {
		if got, err := p.Resolve(in); got != want || err != nil {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"${env:OTHER}":                            "setting 'secrets.env'",
		"${env:CEPD_SECRET_NONE}":                 "the environment has no CEPD_SECRET_NONE",
		"${file:/etc/passwd}":                     "setting 'secrets.dirs'",
		"${file:" + dir + "-outside}":             "setting 'secrets.dirs'",
		"${file:" + dir + "/../x}":                "setting 'secrets.dirs'",
		"${file:" + dir + "/none}":                "no such file",
		"${file:" + dir + "/client.properties:x}": "has no line x=",
		"${file:}":                                "setting 'secrets.dirs'",
	} {
		if got, err := p.Resolve(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	if got, err := Blind().Resolve("${env:NO_SUCH}"); got != "${env:NO_SUCH}" || err != nil {
		t.Error(got, err)
	}
}

// TestRedact looks for a secret in all the ways that texts write it.
func TestRedact(t *testing.T) {
	t.Setenv("CANARY", "can/ary\"é\n1")
	t.Setenv("PAIR", "user:pass-word")
	t.Setenv("SHORT", "ab")
	p := Unrestricted()
	for _, ref := range []string{"${env:CANARY}", "${env:PAIR}", "${env:SHORT}"} {
		if _, err := p.Resolve(ref); err != nil {
			t.Fatal(err)
		}
	}
	secret := os.Getenv("CANARY")
	err := p.RedactError(fmt.Errorf("it is %s, %q: %w", secret, secret, os.ErrNotExist))
	if text := err.Error(); strings.Contains(text, "ary") || !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(text, "it is ${env:CANARY}") {
		t.Error(text)
	}
	if got := p.Redact("wrong pass-word of user:pass-word, about"); got != "wrong ${env:PAIR} of ${env:PAIR}, about" {
		t.Error(got)
	}
	var out bytes.Buffer
	log := slog.New(p.LogHandler(slog.NewJSONHandler(&out, nil))).With("w", secret).WithGroup("g")
	log.Error("at "+secret, "error", err, "text", secret, "cause", errors.New(secret), slog.Group("h", "x", secret), "n", 7)
	if strings.Contains(out.String(), "ary") || !strings.Contains(out.String(), `"n":7`) {
		t.Error(out.String())
	}
}

func TestNilPolicy(t *testing.T) {
	var p *Policy
	if text, err := p.Resolve("${env:PATH}"); text != os.Getenv("PATH") || err != nil || p.Redact(text) != text || p.RedactError(nil) != nil || !p.Literals() || p.Confined() {
		t.Error(text, err)
	}
	if err := p.CheckAddress("nonsense"); err != nil {
		t.Error(err)
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("${env:A}${file:/x:y}")
	f.Add("${file:}")
	p, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if out, err := p.Resolve(s); HasReference(s) != (err != nil) || err == nil && out != s {
			t.Errorf("%q: %q, %v", s, out, err)
		}
	})
}
