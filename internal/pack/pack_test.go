package pack

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const example = "../../examples/packs/payments"

func load(t *testing.T) Files {
	t.Helper()
	files, err := ReadFiles(os.DirFS(example))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// changed is the example with a text in place of another in a file.
func changed(t *testing.T, file, old, text string) Files {
	t.Helper()
	files := load(t)
	if !bytes.Contains(files[file], []byte(old)) {
		t.Fatalf("%s does not have %q", file, old)
	}
	files[file] = bytes.Replace(files[file], []byte(old), []byte(text), 1)
	return files
}

// TestExamples: the packs of the examples are good, their tests pass, and the copy in
// the importing project is the one that its lock says.
func TestExamples(t *testing.T) {
	for _, dir := range []string{example, "../../examples/packs/network"} {
		_, results, err := Check(context.Background(), dir, "1.0.0")
		if err != nil || len(results) == 0 {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Failed() {
				t.Errorf("%s: %s: %v", dir, r.Test.Name, r.Failures)
			}
		}
	}
	shop := "../../examples/packs/shop"
	if err := Verify(filepath.Join(shop, "packs")); err != nil {
		t.Error(err)
	}
	tables, err := os.ReadFile(filepath.Join(shop, "tables.sql"))
	if err != nil {
		t.Fatal(err)
	}
	files := load(t)
	m, err := Read(files)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Compile(files, m, map[string]string{"large": "300", "patience": "90 s"}, []Text{{"tables.sql", string(tables)}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"small": "10", "large": "300", "probes": "3", "patience": "INTERVAL '90' SECOND"}
	if list[0].Name != "payments_card_testing" || !maps.Equal(list[0].Params, want) {
		t.Errorf("got %s %v", list[0].Name, list[0].Params)
	}
	if head := "SET 'rule.pack' = 'payments 1.2.0';\nSET 'rule.severity' = 'high';\n"; !strings.HasPrefix(list[0].SQL, head) {
		t.Errorf("got %s", list[0].SQL)
	}
}

// TestFaults: what is wrong with a pack is told.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ file, old, text, want string }{
		{ManifestName, "name: payments", "name: Pay ments", `name "Pay ments"`},
		{ManifestName, "version: 1.2.0", "version: 1.2", "semantic version"},
		{ManifestName, "owner: fraud", "owner: ''\nx: fraud", "field x not found"},
		{ManifestName, "owner: fraud-team@example.com", "owner: ''", "it has no owner"},
		{ManifestName, ">=0.1, <2", "about two", "range of versions"},
		{ManifestName, "runbook: https://runbooks.example.com/velocity", "runbook: somewhere", `rule velocity: runbook "somewhere": expected a URL`},
		{ManifestName, "severity: medium", "severity: bad", "expected one of informational, low"},
		{ManifestName, "[velocity_test.yaml]", "[]", "rule velocity: it has no tests"},
		{ManifestName, "[velocity_test.yaml]", "[../x]", `no file "../x"`},
		{ManifestName, "file: velocity.sql", "file: speed.sql", `no file "speed.sql"`},
		{ManifestName, "default: 3, min: 2", "default: 1, min: 2", "parameter probes: 1 is less than 2"},
		{ManifestName, "default: 10 min", "default: soon", `"soon" is no duration`},
		{ManifestName, "type: duration", "type: time", "expected number, string, boolean or duration"},
		{ManifestName, "  small:", "  unused: {type: boolean, default: true, description: x}\n  small:", "parameter unused: no rule uses it"},
		{"velocity.sql", "PATTERN (P{6})", "PATTERN (Q{6})", "velocity.sql"},
		{"velocity.sql", "INSERT INTO", "CREATE VIEW v AS SELECT 1 AS x; INSERT INTO", "expected one INSERT, found 2"},
		{"velocity.sql", "fraud_alerts", "fraud_alerts /*+ NAME('x') */", "no hint"},
	} {
		files := changed(t, c.file, c.old, c.text)
		m, err := Read(files)
		if err == nil {
			_, err = Compile(files, m, nil, nil)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s in place of %s: got %v", c.text, c.old, err)
		}
	}
}

func TestParameters(t *testing.T) {
	m, err := Read(load(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ value, want string }{
		"probes":   {"21", "parameter probes: 21 is more than 20"},
		"patience": {"2 d", "parameter patience: 2 d is more than 1 d"},
		"small":    {"1); DROP TABLE x; --", `parameter small: "1); DROP TABLE x; --" is no number`},
		"smal":     {"1", "pack payments has no parameter smal (did you mean small?)"},
	} {
		if _, err := m.Literals(map[string]string{name: c.value}); err == nil || err.Error() != c.want {
			t.Errorf("%s = %s: got %v", name, c.value, err)
		}
	}
	text := Parameter{Type: "string"}
	if s, err := text.Literal("it's"); err != nil || s != "'it''s'" {
		t.Errorf("got %s %v", s, err)
	}
}

func TestSupports(t *testing.T) {
	m := &Manifest{Name: "p", Version: "1.0.0", Cepd: ">=1.2, <2"}
	for version, good := range map[string]bool{"v1.2.0": true, "1.9.3": true, "2.0.0": false, "1.1.9": false, "dev": true} {
		if err := m.Supports(version); (err == nil) != good {
			t.Errorf("%s: %v", version, err)
		}
	}
}

// TestArchive: the same files give the same bytes, and come back; a folder and its
// archive have one hash.
func TestArchive(t *testing.T) {
	files := load(t)
	var one, two bytes.Buffer
	if err := errors.Join(files.WriteArchive(&one), load(t).WriteArchive(&two)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two archives of the same files differ")
	}
	back, err := ReadArchive(&one)
	if err != nil || back.Hash() != files.Hash() || cmp.Diff(back, files) != "" {
		t.Errorf("the files have changed: %v", err)
	}
}

// TestHostileArchives: none is taken.
func TestHostileArchives(t *testing.T) {
	for _, name := range []string{"../x", "/x", "a//b", `a\b`, "c:x", ""} {
		files := load(t)
		files[name] = []byte("x")
		var b bytes.Buffer
		if err := files.WriteArchive(&b); err != nil {
			continue // tar itself refuses it
		}
		if _, err := ReadArchive(&b); err == nil {
			t.Errorf("an archive with %q is taken", name)
		}
	}
	var b bytes.Buffer
	if err := (Files{"big": make([]byte, MaxBytes+1)}).WriteArchive(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadArchive(&b); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a bomb: %v", err)
	}
	b.Reset()
	if err := load(t).WriteArchive(&b); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < b.Len(); at += 97 {
		damaged := bytes.Clone(b.Bytes())
		damaged[at] ^= 0x20
		if files, err := ReadArchive(bytes.NewReader(damaged)); err == nil && files.Hash() != load(t).Hash() {
			t.Errorf("a flipped bit at %d is not seen", at)
		}
	}
}

// TestImport: a pack is imported, upgraded, and left alone where it was changed.
func TestImport(t *testing.T) {
	dir := t.TempDir()
	take := func(files Files) (*Plan, error) {
		p, err := Prepare(dir, "somewhere", files)
		if err == nil {
			err = p.Apply()
		}
		return p, err
	}
	first := load(t)
	if p, err := take(first); err != nil || p.Upgrade {
		t.Fatalf("%v", err)
	}
	if p, err := take(first); err != nil || p.Upgrade {
		t.Fatalf("the same once more: %v", err)
	}
	if _, err := take(changed(t, "velocity.sql", "P{6}", "P{7}")); err == nil || !strings.Contains(err.Error(), "a version is one content") {
		t.Errorf("other files of the same version: %v", err)
	}
	next := changed(t, ManifestName, "version: 1.2.0", "version: 1.3.0")
	next[ManifestName] = bytes.Replace(next[ManifestName], []byte("severity: medium"), []byte("severity: low"), 1)
	next[ManifestName] = bytes.Replace(next[ManifestName], []byte("default: 500"), []byte("default: 400"), 1)
	next["card_testing.sql"] = append(next["card_testing.sql"], "-- more\n"...)
	p, err := take(next)
	want := []string{"version 1.3.0, was 1.2.0", "parameter large has changed: number 400 [1, ], was number 500 [1, ]", "rule card_testing has another text", "rule velocity is low, was medium"}
	if err != nil || !p.Upgrade || !slices.Equal(p.Changes, want) {
		t.Errorf("got %q %v", p.Changes, err)
	}
	if _, err := take(first); err == nil || !strings.Contains(err.Error(), "1.2.0 is older") {
		t.Errorf("back to the older: %v", err)
	}
	if err := Verify(dir); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "payments", "velocity.sql"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := take(changed(t, ManifestName, "version: 1.2.0", "version: 1.4.0")); err == nil || !strings.Contains(err.Error(), "has been changed") {
		t.Errorf("over changes: %v", err)
	}
	if Verify(dir) == nil {
		t.Error("a changed pack is as it was imported")
	}
}

func TestFetch(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/p.tar.gz" {
			http.NotFound(w, r)
			return
		}
		if err := load(t).WriteArchive(w); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	ctx := context.Background()
	if files, err := Fetch(ctx, server.Client(), server.URL+"/p.tar.gz"); err != nil || files.Hash() != load(t).Hash() {
		t.Errorf("%v", err)
	}
	for _, url := range []string{server.URL + "/none", "http://localhost/p.tar.gz", "file:///p.tar.gz", "no such file", example + "/tables.sql"} {
		if _, err := Fetch(ctx, server.Client(), url); err == nil {
			t.Errorf("%s: no error", url)
		}
	}
}
