// Package docs holds the manual. Its tests run every example in it.
package docs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/function"
)

// rewriting says whether what the examples print is written into the pages: the flag is
// that of datadriven.
func rewriting() bool { return flag.Lookup("rewrite").Value.String() == "true" }

// block is a fenced block of a page.
//
//	```sql run            is run; the next output block is what it prints
//	```sql check          passes `cepd check`
//	```sql advice         passes with warnings; the next output block is what they say
//	```sql error          fails `cepd check`; the next output block is the message
//	```sql values         one expression a line, its value as JSON after --
//	```sh run             is run by sh with cepd in PATH; output as above
//	```sh tutorial        is run by TestTutorial, which has a server; output as above
//	```json file=NAME     is a file beside the examples of the page; sql, yaml too
//	```output             what the block before prints
type block struct {
	lang, kind string
	line       int
	from, to   int // lines of the content in page.lines
}

type page struct {
	file   string
	lines  []string
	blocks []block
}

func readPage(t *testing.T, file string) *page {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := &page{file: file, lines: strings.Split(string(text), "\n")}
	open := -1
	for i, line := range p.lines {
		fence, ok := strings.CutPrefix(line, "```")
		switch {
		case !ok:
		case open < 0:
			lang, kind, _ := strings.Cut(fence, " ")
			p.blocks = append(p.blocks, block{lang: lang, kind: kind, line: i + 1, from: i + 1})
			open = len(p.blocks) - 1
		default:
			p.blocks[open].to, open = i, -1
		}
	}
	return p
}

func (p *page) text(b block) string { return strings.Join(p.lines[b.from:b.to], "\n") + "\n" }

func pages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	guides, err := filepath.Glob("migration/*.md")
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, guides...)
	samples, err := filepath.Glob("../examples/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	list = append(list, samples...)
	return append(list, filepath.Join("..", "README.md"), filepath.Join("..", "CONTRIBUTING.md"))
}

func TestExamples(t *testing.T) {
	t.Setenv("CEPD_SECRET_SERVICE", "sesame") // that examples refer to
	t.Setenv("CEPD_SECRET_HMAC", "sesame")
	t.Setenv("CEPD_SECRET_LINKS", "sesame")
	t.Setenv("CEPD_SECRET_SMTP", "sesame")
	t.Setenv("CEPD_SECRET_SLACK", "https://chat.example/hooks/7")
	for _, file := range pages(t) {
		t.Run(strings.TrimPrefix(file, "../"), func(t *testing.T) {
			p := readPage(t, file)
			dir := t.TempDir()
			p.writeFiles(t, dir)
			for i := range p.blocks {
				p.example(t, dir, i)
			}
			if rewriting() {
				p.save(t)
			}
		})
	}
}

// writeFiles puts the files of the page into dir, and the examples with their module.
func (p *page) writeFiles(t *testing.T, dir string) {
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(examples, filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile("../examples/functions/functions.wasm")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "functions.wasm"), module, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, b := range p.blocks {
		if name, ok := strings.CutPrefix(b.kind, "file="); ok {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(p.text(b)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (p *page) example(t *testing.T, dir string, i int) {
	b := p.blocks[i]
	switch b.lang + " " + b.kind {
	case "sql run":
		out, err := cepd(t, dir, p.text(b), "run", "-")
		p.compare(t, i, out, err == nil)
	case "sql check":
		if out, err := cepd(t, dir, p.text(b), "check", "-"); err != nil {
			t.Errorf("%s:%d: %v\n%s", p.file, b.line, err, out)
		}
	case "sql advice":
		out, err := cepd(t, dir, p.text(b), "check", "-")
		p.compare(t, i, out, err == nil && out != "")
	case "sql error":
		out, err := cepd(t, dir, p.text(b), "check", "-")
		p.compare(t, i, out, err != nil)
	case "sql values":
		p.values(t, dir, b)
	case "sh run":
		out, err := shell(t, dir, p.text(b))
		p.compare(t, i, out, err == nil)
	case "sql ":
		t.Errorf("%s:%d: say what the example does: sql run, check, advice, error or values", p.file, b.line)
	}
}

// cepd runs a command with text as its input; out is stdout and stderr.
func cepd(t *testing.T, dir, text string, args ...string) (out string, err error) {
	cmd := exec.Command(cepdtest.Program(t), args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(text)
	b, err := cmd.CombinedOutput()
	return string(b), err
}

func shell(t *testing.T, dir, text string) (string, error) {
	cmd := exec.Command("sh", "-eu", "-c", text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(cepdtest.Program(t))+":"+os.Getenv("PATH"))
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// compare compares what example i printed with the output block after it.
func (p *page) compare(t *testing.T, i int, out string, good bool) {
	b := p.blocks[i]
	if !good {
		t.Errorf("%s:%d: the example does not end as it should:\n%s", p.file, b.line, out)
		return
	}
	if i+1 == len(p.blocks) || p.blocks[i+1].lang != "output" {
		return
	}
	want := p.text(p.blocks[i+1])
	if out == want {
		return
	}
	if rewriting() {
		p.replace(i+1, strings.Split(strings.TrimSuffix(out, "\n"), "\n"))
		return
	}
	t.Errorf("%s:%d: the example prints\n%s\nthe page says\n%s", p.file, b.line, out, want)
}

func (p *page) replace(i int, lines []string) {
	b := &p.blocks[i]
	grow := len(lines) - (b.to - b.from)
	p.lines = append(append(append([]string{}, p.lines[:b.from]...), lines...), p.lines[b.to:]...)
	b.to += grow
	for j := i + 1; j < len(p.blocks); j++ {
		p.blocks[j].from, p.blocks[j].to = p.blocks[j].from+grow, p.blocks[j].to+grow
	}
}

func (p *page) save(t *testing.T) {
	if err := os.WriteFile(p.file, []byte(strings.Join(p.lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// values runs each line `expression  -- value`.
func (p *page) values(t *testing.T, dir string, b block) {
	var sql, want strings.Builder
	for _, line := range p.lines[b.from:b.to] {
		expr, value, ok := strings.Cut(line, "-- ")
		if !ok {
			t.Errorf("%s:%d: no value in %q", p.file, b.line, line)
			return
		}
		fmt.Fprintf(&sql, "SELECT %s AS x;\n", strings.TrimSpace(expr))
		fmt.Fprintf(&want, "{\"x\":%s}\n", strings.TrimSpace(value))
	}
	out, err := cepd(t, dir, sql.String(), "run", "-")
	if err != nil || out != want.String() {
		t.Errorf("%s:%d: %v\ngot\n%swant\n%s", p.file, b.line, err, out, &want)
	}
}

// TestLinks checks that relative links lead somewhere: to a file, and there to a heading.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]*))?\)`)
	more, _ := filepath.Glob("decisions/*.md")
	for _, file := range append(pages(t), more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(filepath.Dir(file), m[1])
			if m[1] == "" {
				target = file
			}
			if _, err := os.Stat(target); errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: link to %s leads nowhere", file, m[1])
			} else if m[2] != "" && strings.HasSuffix(target, ".md") && !headings(t, target)[m[2]] {
				t.Errorf("%s: %s has no heading #%s", file, target, m[2])
			}
		}
	}
}

// headings is the anchors of a page: of its headings, as GitHub and the site make them,
// and those that are written out.
func headings(t *testing.T, file string) map[string]bool {
	t.Helper()
	anchors := map[string]bool{}
	other, named, fenced := regexp.MustCompile(`[^\p{L}\p{N}_ -]`), regexp.MustCompile(`<a id="([^"]+)">`), false
	for _, line := range readPage(t, file).lines {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if m := named.FindStringSubmatch(line); m != nil {
			anchors[m[1]] = true
		}
		if title := strings.TrimLeft(line, "#"); title != line && !fenced {
			anchors[strings.ReplaceAll(other.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-")] = true
		}
	}
	return anchors
}

// TestErrorCodesAreDocumented checks errors.md against the codes.
func TestErrorCodesAreDocumented(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "internal", "diag", "codes.go"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("errors.md")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`Code = "([a-z-]+)"`).FindAllSubmatch(source, -1)
	if len(codes) == 0 || diag.Syntax == "" {
		t.Fatal("no codes found")
	}
	for _, c := range codes {
		if !bytes.Contains(text, []byte("`"+string(c[1])+"`")) {
			t.Errorf("errors.md does not explain %s", c[1])
		}
	}
}

// TestFunctionsAreDocumented checks the tables of functions.md; -rewrite
// writes them.
func TestFunctionsAreDocumented(t *testing.T) {
	want := functionsPage()
	if rewriting() {
		if err := os.WriteFile("functions.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("functions.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("functions.md is not what the functions say of themselves; run go test ./docs -rewrite")
	}
}

func functionsPage() string {
	var b strings.Builder
	b.WriteString("# Functions\n\nWritten from what the functions say of themselves (`SHOW FUNCTIONS` says the same).\n\n## Scalar functions\n\n| function | meaning |\n|---|---|\n")
	for _, f := range function.All() {
		row(&b, f.Usage, f.Doc)
	}
	b.WriteString("\n## Aggregates\n\nFor windows (`GROUP BY`, `OVER`), and for `MEASURES` and `DEFINE` of `MATCH_RECOGNIZE`.\n\n| aggregate | meaning |\n|---|---|\n")
	for _, f := range function.AllAggregates() {
		row(&b, f.Usage, f.Doc)
	}
	return b.String()
}

func row(b *strings.Builder, usage, doc string) {
	clean := strings.NewReplacer("|", `\|`, "\n", " ")
	fmt.Fprintf(b, "| `%s` | %s |\n", usage, clean.Replace(doc))
}
