package check

import (
	"os"
	"path"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const dockerfile = "../container/Dockerfile"

// stages reads the Dockerfile as BuildKit does; what its linter finds fails.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	f, err := os.Open(dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ast, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range ast.Warnings {
		t.Error(w.Short)
	}
	warn := func(rule, description, _, message string, _ []parser.Range) {
		t.Errorf("%s: %s: %s", rule, description, message)
	}
	found, _, err := instructions.Parse(ast.AST, linter.New(&linter.Config{Warn: warn}))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// image is what the last stage makes.
type image struct {
	base, user string
	copies     map[string]string // from a path of the stage before, or of the project, to one of the image
	entrypoint []string
	command    []string
	volumes    []string
	ports      []string
}

func readImage(t *testing.T) image {
	t.Helper()
	all := stages(t)
	last := all[len(all)-1]
	m := image{base: last.BaseName, copies: map[string]string{}}
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			m.user = c.User
		case *instructions.CopyCommand:
			for _, from := range c.SourcePaths {
				m.copies[from] = c.DestPath
			}
		case *instructions.EntrypointCommand:
			m.entrypoint = c.CmdLine
		case *instructions.CmdCommand:
			m.command = c.CmdLine
		case *instructions.VolumeCommand:
			m.volumes = c.Volumes
		case *instructions.ExposeCommand:
			m.ports = c.Ports
		}
	}
	return m
}

// buildCommand is the command line with which the image's binary is built.
func buildCommand(t *testing.T) string {
	t.Helper()
	for _, c := range stages(t)[0].Commands {
		if run, ok := c.(*instructions.RunCommand); ok && strings.Contains(run.CmdLine[0], "go build") {
			return run.CmdLine[0]
		}
	}
	t.Fatal("nothing is built")
	return ""
}

func TestImageIsDistrolessAndNotRoot(t *testing.T) {
	m := readImage(t)
	if !strings.HasPrefix(m.base, "gcr.io/distroless/static-") {
		t.Errorf("base is %s", m.base)
	}
	if m.user != "65532:65532" {
		t.Errorf("user is %s; Kubernetes can only see that a number is not root", m.user)
	}
	if m.copies["/out/cepd"] != m.entrypoint[0] || len(m.volumes) != 1 || len(m.ports) != 1 {
		t.Errorf("the image does not hold together: %+v", m)
	}
}

// What the build needs is not left out of its context.
func TestContextHasWhatIsBuilt(t *testing.T) {
	text, err := os.ReadFile(dockerfile + ".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		pattern := strings.TrimPrefix(strings.TrimSpace(line), "**/")
		for _, needed := range []string{"go.mod", "go.sum", "LICENSE", "cmd", "query", "ui", "examples", "docs"} {
			if ok, err := path.Match(pattern, needed); err != nil || ok {
				t.Errorf("%s leaves out %s (%v)", line, needed, err)
			}
		}
	}
}
