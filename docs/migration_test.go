package docs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/cepd/cepd/internal/convert"
	"github.com/cepd/cepd/internal/convert/eql"
	"github.com/cepd/cepd/internal/convert/sigma"
	"github.com/cepd/cepd/internal/ruletest"
)

// TestMigration runs a case of each row of the tables of migration/*.md. The cases
// of a page are in testdata/migration, under the row that they show, word by word:
// a row without a case fails, but for those that say that there is no counterpart,
// and so does a case whose row the page does not have. What a row says in its second
// cell as code stands in its cases.
//
//	tables   tables that the cases after it share
//	match    a pattern over e, and the events that it is tried on; prints its matches
//	run      statements, and what is sent to their tables; prints what they write
//	convert  a rule of the page's engine, and events for what it becomes: prints both
//	check    statements that `cepd check` passes, or refuses; prints what it says
//	sh       a shell with cepd; prints what it prints
//	shown    a test elsewhere that shows it: file, and a text in it
func TestMigration(t *testing.T) {
	files, err := filepath.Glob("migration/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pages: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		t.Run(name, func(t *testing.T) {
			p := readPage(t, file)
			m := &migration{t: t, file: file, rows: tableRows(p), dir: t.TempDir(), cases: map[string]string{}}
			p.writeFiles(t, m.dir)
			datadriven.RunTest(t, "testdata/migration/"+name, m.run)
			m.compare()
		})
	}
}

// migration is the cases of a page.
type migration struct {
	t      *testing.T
	file   string
	dir    string
	rows   []string // of the page
	row    string   // that the cases are of
	cases  map[string]string
	tables string
}

// tableRows is the rows of the tables of a page without their headers.
func tableRows(p *page) (rows []string) {
	for i, line := range p.lines {
		header := i+1 < len(p.lines) && strings.HasPrefix(p.lines[i+1], "|---")
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|---") && !header {
			rows = append(rows, line)
		}
	}
	return rows
}

func (m *migration) run(t *testing.T, d *datadriven.TestData) string {
	input := d.Input
	if d.Cmd == "tables" {
		m.tables = input + "\n"
		return ""
	}
	if strings.HasPrefix(input, "|") {
		m.row, input, _ = strings.Cut(input, "\n")
	}
	if !slices.Contains(m.rows, m.row) {
		d.Fatalf(t, "%s has no row\n%s", m.file, m.row)
	}
	m.cases[m.row] += " " + input
	out, err := m.do(t, d.Cmd, input)
	if d.Cmd == "convert" {
		m.cases[m.row] += " " + out
	}
	if err != nil {
		d.Fatalf(t, "%v\n%s", err, out)
	}
	return out
}

func (m *migration) do(t *testing.T, command, input string) (out string, err error) {
	switch command {
	case "match":
		return match(input), nil
	case "run":
		return m.statements(input)
	case "convert":
		return m.convert(input), nil
	case "check":
		out, _ := cepd(t, m.dir, m.tables+input, "check", "-") // refused or not: the output says it
		return out, nil
	case "sh":
		return shell(t, m.dir, input)
	case "shown":
		return "", shownBy(input)
	}
	return "", fmt.Errorf("there is no command %s", command)
}

// compare checks that each row has cases, and what they have of it.
func (m *migration) compare() {
	for _, row := range m.rows {
		text, ok := m.cases[row]
		if !ok && !strings.Contains(row, "| no counterpart |") {
			m.t.Errorf("%s: no case of testdata/migration shows the row\n%s", m.file, row)
			continue
		}
		for _, code := range codeOf(row) {
			if ok && !contains(text, code) {
				m.t.Errorf("%s: the cases of a row do not have `%s`\n%s", m.file, code, row)
			}
		}
	}
}

// codeOf is what stands in back quotes in the second cell of a row.
func codeOf(row string) (list []string) {
	cells := strings.Split(strings.ReplaceAll(row, `\|`, "\x00"), "|")
	for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[2], -1) {
		list = append(list, strings.ReplaceAll(span[1], "\x00", "|"))
	}
	return list
}

// contains says whether a text has code, of which `…` and FILE stand for anything.
func contains(text, code string) bool {
	text = strings.Join(strings.Fields(text), " ")
	for part := range strings.SplitSeq(strings.ReplaceAll(code, "FILE", "…"), "…") {
		_, after, ok := strings.Cut(text, strings.TrimSpace(part))
		if !ok {
			return false
		}
		text = after
	}
	return true
}

// shownBy finds a test: a line with its file and a text that it has.
func shownBy(input string) error {
	file, want, _ := strings.Cut(input, " ")
	text, err := os.ReadFile(filepath.Join("..", file))
	if err == nil && !strings.Contains(string(text), want) {
		err = fmt.Errorf("%s does not have %s", file, want)
	}
	return err
}

// events is the table of match.
const events = `CREATE TABLE e (k STRING, kind STRING, name STRING, n INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'kafka', 'topic' = 'e', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
`

// match tries a pattern on events. The lines are its clauses, from MEASURES on and
// those that are needed; variables without DEFINE are events of their kind: A is a.
// The last line is the events, a second from one to the next: `a b x`; `a@90` is an
// event at 90 s, `y/a` one of key y. The second of them is called a2 if it is an a.
func match(input string) string {
	at := strings.LastIndex(input, "\n")
	clauses, sent := input[:max(at, 0)], input[at+1:]
	measures := "LISTAGG(name, ' ') AS found"
	if before, after, ok := strings.Cut(clauses, "MEASURES "); ok && before == "" {
		more, rest, _ := strings.Cut(after, "\n")
		measures, clauses = measures+", "+more, rest
	}
	if !strings.Contains(clauses, "DEFINE") {
		clauses += "\nDEFINE " + kinds(clauses)
	}
	sql := events + `
SELECT * FROM e MATCH_RECOGNIZE (PARTITION BY k ORDER BY ts MEASURES ` + measures + "\n" + clauses + ");"
	return play(sql, "> e: "+sent)
}

// kinds defines the variables of a pattern, which are single letters.
func kinds(clauses string) string {
	var list []string
	for _, v := range regexp.MustCompile(`\b[A-Z]\b`).FindAllString(clauses, -1) {
		if d := fmt.Sprintf("%s AS %s.kind = '%s'", v, v, strings.ToLower(v)); !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	return strings.Join(list, ", ")
}

// statements runs statements on the events of the lines that begin with >.
func (m *migration) statements(input string) (string, error) {
	at := strings.Index(input, "\n> ")
	if at < 0 {
		return "", fmt.Errorf("no events: > TABLE {…}")
	}
	return play(events+m.tables+input[:at], input[at+1:]), nil
}

// convert translates a rule, and runs it on the events of the lines that begin with >.
func (m *migration) convert(input string) string {
	converter := eql.Convert
	if strings.HasPrefix(filepath.Base(m.file), "sigma") {
		converter = sigma.Convert
	}
	rule, sent, _ := strings.Cut(input, "\n> ")
	sql, err := converter("rule", rule+"\n", convert.Options{Tables: []convert.Table{{Name: "e"}}})
	if err != nil {
		return err.Error() + "\n"
	}
	return sql + "\n" + play(events+sql, sent)
}

// play sends events to statements, in virtual time, and gives what they write; then
// why they failed, if they did, which may be what is to be seen.
func play(sql, sent string) string {
	var out strings.Builder
	if err := playTo(&out, sql, sent); err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.String()
}

func playTo(out *strings.Builder, sql, sent string) error {
	ctx := context.Background()
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	p, err := ruletest.NewPlayer(ctx, "case", sql, start, func(r ruletest.Row) { fmt.Fprintf(out, "%s%s\n", target(r.Table), brief(r.JSON)) })
	if err != nil {
		return err
	}
	defer p.Close()
	send := func(table string, value []byte) error {
		if err := p.Send(table, value, false, start); err != nil {
			return err
		}
		return p.Until(ctx, start, start)
	}
	for line := range strings.Lines(sent) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "> "))
		if words, ok := strings.CutPrefix(line, "e: "); ok {
			err = sendWords(words, start, send)
		} else {
			table, value, _ := strings.Cut(line, " ")
			err = send(table, []byte(value))
		}
		if err != nil {
			return err
		}
	}
	end := start.AddDate(1, 0, 0)
	return p.Until(ctx, end, end)
}

// sendWords sends events to e.
func sendWords(words string, start time.Time, send func(string, []byte) error) error {
	second := 0
	for i, word := range strings.Fields(words) {
		key, kind := "k", word
		if before, after, ok := strings.Cut(word, "/"); ok {
			key, kind = before, after
		}
		second++
		if before, after, ok := strings.Cut(kind, "@"); ok {
			n, err := strconv.Atoi(after)
			if err != nil {
				return err
			}
			kind, second = before, n
		}
		ts := start.Add(time.Duration(second) * time.Second).Format(time.DateTime)
		value := fmt.Sprintf(`{"k":%q,"kind":%q,"name":"%s%d","n":%d,"ts":%q}`, key, kind, kind, i+1, i+1, ts)
		if err := send("e", []byte(value)); err != nil {
			return err
		}
	}
	return nil
}

// target is where a row went, if not to the table of a SELECT.
func target(table string) string {
	if table == "print" {
		return ""
	}
	return table + " "
}

// brief is a row for a reader: what was found alone where nothing else is told.
func brief(row json.RawMessage) string {
	var m map[string]any
	if err := json.Unmarshal(row, &m); err != nil {
		return string(row)
	}
	found, ok := m["found"].(string)
	delete(m, "k")
	if ok && len(m) == 1 {
		return found
	}
	return string(row)
}
