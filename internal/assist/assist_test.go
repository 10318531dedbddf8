package assist_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/internal/assist"
	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// outside is defined on a server, so to speak.
const outside = `CREATE TABLE cards (card BIGINT, owner ROW<name STRING, vip BOOLEAN>, PRIMARY KEY (card) NOT ENFORCED) WITH ('connector' = 'memory');
CREATE VIEW vips AS SELECT card, owner.name AS name FROM cards WHERE owner.vip`

func tools(t testing.TB) *assist.Tools {
	cat := catalog.New()
	if _, err := query.CompileText(cat, "cards.sql", outside, nil); err != nil {
		t.Fatal(err)
	}
	return &assist.Tools{Catalog: cat, Registry: all.New()}
}

// The commands of testdata; | is the place in a text, and "prelude" makes what
// follows it:
//
//	prelude            text put before the others
//	diagnose           the findings
//	complete [n=N]     the first N things that may come; kinds=K,… only those
//	subject            what the word means, and where it is defined
func TestFiles(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		prelude := ""
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			text, rest, marked := strings.Cut(d.Input, "¦")
			at := len(prelude) + len(text)
			text = prelude + text + rest
			tools := tools(t)
			switch d.Cmd {
			case "prelude":
				prelude = d.Input + "\n"
				return ""
			case "diagnose":
				l := diag.List{Source: text, Items: tools.Diagnose("", text)}
				return strings.TrimLeft(l.Error()+"\n", "\n")
			}
			if !marked {
				t.Fatalf("%s: no ¦", d.Pos)
			}
			if d.Cmd == "complete" {
				return showCompletion(d, text, tools.Complete("", text, at))
			}
			return showSubject(text, tools.Subject("", text, at))
		})
	})
}

func showCompletion(d *datadriven.TestData, text string, c assist.Completion) string {
	most, kinds := 12, ""
	d.MaybeScanArgs(&testing.T{}, "n", &most)
	d.MaybeScanArgs(&testing.T{}, "kinds", &kinds)
	var b strings.Builder
	if s := text[c.Span.Start:c.Span.End]; s != "" {
		fmt.Fprintf(&b, "in place of %s\n", s)
	}
	n := 0
	for _, i := range c.Items {
		if kinds != "" && !strings.Contains(kinds, i.Kind) {
			continue
		}
		if n++; n <= most {
			fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%s %s  %s", i.Kind, i.Label, i.Detail)))
		}
	}
	if n > most {
		fmt.Fprintf(&b, "and %d more\n", n-most)
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

func showSubject(text string, s *assist.Subject) string {
	if s == nil {
		return "nothing\n"
	}
	out := fmt.Sprintf("%s %s: %s\n%s\n", s.Kind, text[s.Span.Start:s.Span.End], s.Title, s.Doc)
	if s.Home != nil {
		line, col := diag.Position(s.Home.Source, s.Home.Span.Start)
		out += fmt.Sprintf("at %s:%d:%d %s\n", s.Home.File, line, col, s.Home.Source[s.Home.Span.Start:s.Home.Span.End])
	}
	return strings.ReplaceAll(out, "\n\n", "\n")
}
