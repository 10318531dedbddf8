package gallery

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/scenario"
)

// money is a story of two transfers, one that only looks like it, and rules that find
// both transfers, or the first alone.
const money = `
duration: 1h
seed: 1
entities: {acc: {count: 90, name: acc-$n}}
rules: {r: {key: {a: $a}, time: ts, delay: 1h}}
graphs: [{stories: [chain, once], from: payer, to: payee, text: amount}]
funnels: [{rule: r, column: far, steps: [near, far]}]
traffic:
  - {name: pay, with: {x: acc, y: acc}, shared: true, rate: 100/h, steps: [{table: t, set: {payer: $x, payee: $y, amount: 1}}]}
scenarios:
  - {name: chain, with: {a: acc, b: acc, c: acc}, count: 3, finds: r, steps: [{table: t, set: {payer: $a, payee: $b, amount: 70}}, {table: t, after: 1m, set: {payer: $b, payee: $c, amount: 60}}]}
  - {name: once, with: {a: acc, b: acc}, count: 2, steps: [{table: t, set: {payer: $a, payee: $b, amount: 50}}]}
`

const moneySQL = `
CREATE TABLE t (payer STRING, payee STRING, amount INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'json');
CREATE TABLE found (a STRING, b STRING, far STRING, ts TIMESTAMP(3)) WITH ('connector' = 'blackhole');
INSERT INTO found /*+ NAME('r') */ `

func paint(t *testing.T, query string) string {
	t.Helper()
	f, err := scenario.Parse([]byte(money))
	if err != nil {
		t.Fatal(err)
	}
	p := NewPainter(f)
	if _, err := Play(context.Background(), Example{Name: "money", SQL: moneySQL + query, Scenario: f}, Options{Saw: p.Saw, Told: p.Told, Sent: p.Sent}); err != nil {
		t.Fatal(err)
	}
	return p.Picture()
}

// TestGraph: what the detection names is thick, of the story that was found alone.
func TestGraph(t *testing.T) {
	both := `SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.payer AS a, A.payee || ', ' || B.payee AS b, 'far' AS far, A.ts AS ts
  PATTERN (A -> B) WITHIN INTERVAL '5' MINUTE DEFINE A AS A.amount = 70, B AS B.payer = A.payee AND B.amount = 60)`
	first := `SELECT payer, payee, 'near', ts FROM t WHERE amount = 70`
	for _, c := range []struct {
		query               string
		thick, story, decoy int // edges
		bars                []string
	}{
		{both, 2, 0, 1, []string{"3", "3"}},
		{first, 1, 1, 1, []string{"3", "0"}},
	} {
		svg := paint(t, c.query)
		thick, story, decoy := strings.Count(svg, `"edge chain"`), strings.Count(svg, `"edge event"`), strings.Count(svg, `"edge decoy"`)
		if thick != c.thick || story != c.story || decoy != c.decoy {
			t.Errorf("%s\n%d edges are thick, %d of the story alone, %d of the decoy; expected %d, %d, %d", c.query, thick, story, decoy, c.thick, c.story, c.decoy)
		}
		if others := strings.Count(svg, `"edge axis"`); others == 0 || others > 2*maxOthers {
			t.Errorf("%d edges of other stories", others)
		}
		if bars := barTexts(svg); !slices.Equal(bars, c.bars) {
			t.Errorf("%s\nthe funnel says %v, expected %v", c.query, bars, c.bars)
		}
	}
}

// barTexts is the counts beside the bars of a funnel.
func barTexts(svg string) (texts []string) {
	for _, m := range regexp.MustCompile(`<text class="end" x="670" y="\d+">(\d+)</text>`).FindAllStringSubmatch(svg, -1) {
		texts = append(texts, m[1])
	}
	return texts
}

// TestReached counts a detection at each step up to the one that it names.
func TestReached(t *testing.T) {
	n := scenario.Funnel{Column: "r", Steps: []string{"a", "b", "c"}}
	rows := []json.RawMessage{[]byte(`{"r":"a"}`), []byte(`{"r":"c"}`), []byte(`{"r":"b"}`), []byte(`{"r":"elsewhere"}`), []byte(`{"r":null}`)}
	if got := reached(&n, rows); !slices.Equal(got, []int{3, 2, 1}) {
		t.Errorf("%v", got)
	}
}
