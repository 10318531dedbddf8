package pattern

import (
	"fmt"
	"strings"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/plan"
)

// mostNames is how many patterns are told by name.
const mostNames = 10

// explainJoint shows who runs together, what decides, and what a key keeps.
func (p *Program) explainJoint() string {
	var b strings.Builder
	j := p.joint
	fmt.Fprintf(&b, "%d patterns run together: %s\n", len(j.members), j.names())
	fmt.Fprintf(&b, "symbols: %d bits\n", j.bits)
	single := 0
	for i := range j.digits {
		if c := j.digits[i].classes; c != nil {
			fmt.Fprintf(&b, "  %d classes of %s, found by one search a row\n", c.Count(), p.match.Input.Schema().Fields[c.Column].Name)
		} else {
			single++
		}
	}
	if single > 0 {
		fmt.Fprintf(&b, "  %d conditions that are evaluated each\n", single)
	}
	words := 0
	for i := range j.digits {
		words += len(j.digits[i].table)
	}
	fmt.Fprintf(&b, "tables: %d bits per symbol, %d bytes for all shards\n", j.width*64, words*8)
	fmt.Fprintf(&b, "state per key that some pattern may go on with: about %d bytes, and per row kept %d bytes", p.keyBytes(), p.layout.stride*8)
	for i, e := range p.kept {
		fmt.Fprintf(&b, "%s%s", map[bool]string{true: ": time, id, symbol, ", false: ", "}[i == 0], plan.ExprString(e, p.match.Input.Schema()))
	}
	fmt.Fprintf(&b, "\n  rows are kept while some pattern may begin with them, at most %d\n", j.banks[len(j.banks)-1].rows-1)
	if j.members[0].within < event.MaxTime {
		b.WriteString("  the longest WITHIN of the patterns that may go on drops what is older\n")
	}
	b.WriteString("a match is emitted with its last row\n")
	return b.String()
}

func (j *joint) names() string {
	var names []string
	for i := range j.members[:min(mostNames, len(j.members))] {
		names = append(names, j.members[i].name)
	}
	text := strings.Join(names, ", ")
	if n := len(j.members) - mostNames; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
