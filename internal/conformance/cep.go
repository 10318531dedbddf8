package conformance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/cepd/cepd/operators/build"
)

// CEP is a pattern given as stages, in place of a query.
type CEP struct {
	Stages []Stage `yaml:"stages"`
	Within *struct {
		MS   int64  `yaml:"ms"`
		Type string `yaml:"type"` // first_last or previous_current
	} `yaml:"within"`
	Skip struct {
		Mode      string `yaml:"mode"`
		Stage     string `yaml:"stage"`
		OnMissing string `yaml:"on_missing"`
	} `yaml:"skip"`
}

// Stage is a row, a loop, a negation or a group of stages.
type Stage struct {
	Name       string      `yaml:"name"`
	Where      string      `yaml:"where"`
	Contiguity string      `yaml:"contiguity"` // to the stage before: strict, relaxed, any
	Negated    bool        `yaml:"negated"`
	Quantifier *Quantifier `yaml:"quantifier"`
	Until      string      `yaml:"until"`
	Group      []Stage     `yaml:"group"`
}

// Quantifier repeats a stage.
type Quantifier struct {
	Min      int    `yaml:"min"`
	Max      *int   `yaml:"max"`
	Inner    string `yaml:"inner"` // between repetitions; relaxed when empty
	Greedy   bool   `yaml:"greedy"`
	Optional bool   `yaml:"optional"`
}

// options are what a CEP block asks of the matcher: a skip target that is
// missing counts as no skip unless the case says otherwise.
func (c *Case) options() build.Options {
	var o build.Options
	o.Pattern.ContinueOnError = c.Lenient || c.CEP != nil && c.CEP.Skip.OnMissing != "error"
	return o
}

// CEPQuery is the case's CEP block as SQL. Its columns are PARTITION BY's, per
// stage an array of ids, the time at, and the status.
func (c *Case) CEPQuery() (string, error) {
	w := &cepWriter{names: map[string]bool{}}
	pattern, err := w.sequence(c.CEP.Stages, "", true)
	if err != nil {
		return "", err
	}
	if !strings.Contains(pattern, "->") && c.CEP.Skip.Mode != "" && c.CEP.Skip.Mode != "none" {
		pattern = w.allMatches(pattern)
	}
	w.measures = append(w.measures, "MATCH_ROWTIME() AS `at`", "MATCH_STATUS() AS status")
	if len(w.defines) == 0 {
		w.define(w.variables[0], "TRUE")
	}
	lines := []string{"  ORDER BY ts", "  MEASURES " + strings.Join(w.measures, ", "), "  ONE ROW PER MATCH", "  AFTER MATCH " + c.CEP.skip(),
		"  PATTERN (" + pattern + ")" + c.limits() + w.subset(), "  DEFINE " + w.conditions()}
	if len(c.By) > 0 {
		lines = append([]string{"  PARTITION BY " + strings.Join(c.By, ", ")}, lines...)
	}
	return "SELECT * FROM events MATCH_RECOGNIZE (\n" + strings.Join(lines, "\n") + "\n)", nil
}

func (p *CEP) skip() string {
	switch p.Skip.Mode {
	case "to_next":
		return "SKIP TO NEXT ROW"
	case "past_last":
		return "SKIP PAST LAST ROW"
	case "to_first":
		return "SKIP TO FIRST " + quoted(p.Skip.Stage)
	case "to_last":
		return "SKIP TO LAST " + quoted(p.Skip.Stage)
	}
	return "NO SKIP"
}

func (c *Case) limits() string {
	w := c.CEP.Within
	if w == nil {
		return ""
	}
	text := fmt.Sprintf(" WITHIN INTERVAL '%d.%03d' SECOND", w.MS/1000, w.MS%1000)
	if w.Type == "previous_current" {
		text += " BETWEEN ROWS"
	}
	if c.Expected != nil && c.Expected.Timeouts != nil {
		text += " EMIT TIMEOUTS"
	}
	return text
}

// cepWriter writes the clauses of one pattern.
type cepWriter struct {
	names     map[string]bool
	variables []string
	measures  []string
	subsets   []string
	defines   [][2]string
}

func quoted(name string) string { return "`" + name + "`" }

// edges are the contiguities in SQL; none before the first stage.
var edges = map[string]string{"": "", "strict": "", "relaxed": "-> ", "any": "->> "}

// allMatches adds an alternative with an edge, which no row is: without one,
// AFTER MATCH SKIP is the standard's, and only the preferred match of a start
// counts.
func (w *cepWriter) allMatches(pattern string) string {
	w.define("never", "FALSE")
	return pattern + " | `never` -> `never`"
}

// sequence writes stages one after the other, the first led by edge; start
// says that nothing precedes them.
func (w *cepWriter) sequence(stages []Stage, edge string, start bool) (string, error) {
	var parts []string
	for i := range stages {
		s := &stages[i]
		if i > 0 {
			edge = edges[s.Contiguity]
		}
		item, err := w.item(s)
		if err != nil {
			return "", err
		}
		parts = append(parts, s.text(item, edge, start && i == 0))
	}
	return strings.Join(parts, " "), nil
}

// item writes one repetition of a stage, as a function of the edge that leads it.
func (w *cepWriter) item(s *Stage) (func(edge string) string, error) {
	if s.Group == nil {
		if err := w.stage(s); err != nil {
			return nil, err
		}
		return func(edge string) string { return edge + quoted(s.Name) }, nil
	}
	group, err := w.sequence(s.Group, "", false)
	return func(edge string) string { return edge + "(" + group + ")" }, err
}

// stage writes the measure and the conditions of a stage.
func (w *cepWriter) stage(s *Stage) error {
	if w.names[s.Name] && s.Name != "" {
		w.define(s.Name, "TRUE") // refused: it is defined already
		return nil
	}
	w.names[s.Name] = true
	w.variables = append(w.variables, s.Name)
	if !s.Negated {
		w.measures = append(w.measures, fmt.Sprintf("ARRAY_AGG(%s.id) AS %s", quoted(s.Name), quoted(s.Name)))
	}
	if s.Where != "" {
		w.define(s.Name, s.Where)
	}
	if s.Until != "" {
		w.until(s)
	}
	return nil
}

// until defines the variable that ends a loop. What its condition says of the
// stage includes the row being tested.
func (w *cepWriter) until(s *Stage) {
	tested := "tested " + s.Name
	own := regexp.MustCompile(`\b` + regexp.QuoteMeta(s.Name) + `\.`)
	condition := own.ReplaceAllString(s.Until, quoted(tested)+".")
	if condition != s.Until {
		w.subsets = append(w.subsets, fmt.Sprintf("%s = (%s, %s)", quoted(tested), quoted(s.Name), quoted(s.until())))
	}
	w.define(s.until(), condition)
}

func (w *cepWriter) subset() string {
	if len(w.subsets) == 0 {
		return ""
	}
	return "\n  SUBSET " + strings.Join(w.subsets, ", ")
}

func (s *Stage) until() string { return "until " + s.Name }

func (w *cepWriter) define(name, condition string) {
	w.defines = append(w.defines, [2]string{name, condition})
}

// text writes a stage with edge and quantifier. What repeats is led by the
// inner contiguity, which would lead the first row too where the stage follows
// at once: there the first repetition is written on its own.
func (s *Stage) text(item func(string) string, edge string, start bool) string {
	q := s.Quantifier
	if s.Negated {
		edge += "NOT "
	}
	if q == nil {
		return edge + s.repeated(item, "")
	}
	inner := edges[q.inner()]
	n := bounds{q.Min, q.most()}
	if n.max == 1 {
		inner = ""
	}
	if edge != "" || inner == "" || start || s.Negated {
		text := s.repeated(item, inner) + n.text(q.Greedy)
		if q.Optional {
			text = "(" + text + ")?"
		}
		return edge + text
	}
	text := item("") + " " + s.repeated(item, inner) + bounds{max(n.min-1, 0), n.less()}.text(q.Greedy)
	if q.Optional || n.min == 0 {
		text = "(" + text + ")?"
	}
	return text
}

// repeated is what a quantifier repeats.
func (s *Stage) repeated(item func(string) string, inner string) string {
	switch {
	case s.Until != "":
		return "(" + notEdge(inner) + "NOT " + quoted(s.until()) + " " + item(inner) + ")"
	case inner != "" && !s.Negated:
		return "(" + item(inner) + ")"
	}
	return item("")
}

func (q *Quantifier) inner() string {
	if q.Inner == "" {
		return "relaxed"
	}
	return q.Inner
}

func (q *Quantifier) most() int {
	if q.Max == nil {
		return -1
	}
	return *q.Max
}

// bounds are those of a quantifier; max -1 is no limit.
type bounds struct{ min, max int }

func (n bounds) less() int {
	if n.max < 0 {
		return -1
	}
	return n.max - 1
}

func (n bounds) text(possessive bool) string {
	most := ""
	if n.max >= 0 {
		most = strconv.Itoa(n.max)
	}
	text := "{" + strconv.Itoa(n.min) + "," + most + "}"
	if possessive {
		text += "+"
	}
	return text
}

var stageColumn = regexp.MustCompile(`\b(\w+)\.(\w+)\b`)

// conditions are the definitions; stage.column gets the stage's quotes.
func (w *cepWriter) conditions() string {
	out := make([]string, len(w.defines))
	for i, d := range w.defines {
		text := stageColumn.ReplaceAllStringFunc(d[1], func(ref string) string {
			stage, column, _ := strings.Cut(ref, ".")
			if !w.names[stage] {
				return ref
			}
			return quoted(stage) + "." + column
		})
		out[i] = quoted(d[0]) + " AS " + text
	}
	return strings.Join(out, ", ")
}

// notEdge is the edge of a negation beside an item led by edge: a negation has
// no edge of its own kind for ->>.
func notEdge(edge string) string {
	if edge == "->> " {
		return "-> "
	}
	return edge
}
