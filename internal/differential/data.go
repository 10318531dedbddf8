package differential

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// Table is one that queries read.
type Table struct {
	Name    string
	Columns string // of CREATE TABLE, without the watermark
	Delay   int    // of the watermark, in seconds
	Rows    []string
}

const base = 1_772_452_800 // 2026-03-02 12:00:00 UTC, in seconds

// Tables are the tables with their rows as JSON: a and z with times out of
// order by less than the delay, o and nexmark in order. No two rows of a table have the
// same time, so that their order is no matter of taste.
func Tables() []Table {
	const columns = "id BIGINT, k INT, s STRING, d DECIMAL(10, 2), e DECIMAL(18, 6), x DOUBLE, n BIGINT, b BOOLEAN, j STRING, ts TIMESTAMP(3)"
	r := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // data of a test, the same every time
	return []Table{
		{"a", columns, 5, rows(r, 100, 4)},
		{"z", columns, 5, rows(r, 80, 4)},
		{"o", columns, 0, rows(r, 80, 0)},
		{"nexmark", nexmarkColumns, 4, nexmarkRows(500)},
	}
}

// rows are n rows, some seconds apart, out of order by less than disorder
// seconds.
func rows(r *rand.Rand, n, disorder int) []string {
	out := make([]string, n)
	clock := int64(0)
	for i := range out {
		clock += int64(1+r.IntN(20)) * 1000
		if r.IntN(25) == 0 {
			clock += 120_000
		}
		at := clock + int64(i%1000)
		if disorder > 0 {
			at -= int64(r.IntN(disorder * 1000))
			at = at/1000*1000 + int64(i%1000)
		}
		out[i] = row(r, i, base*1000+max(at, 0))
	}
	return out
}

var words = []string{"", "a", "Ab", "hello world", "x,y,z", "10.1.2.3", "äöü", "  pad  ", "2026-03-02", "42", "-7.5", "A1b2", "null", "ｗide", "tail%_"}

func row(r *rand.Rand, id int, ms int64) string {
	values := []any{
		id,
		orNull(r, 12, r.IntN(6)),
		orNull(r, 8, words[r.IntN(len(words))]),
		orNull(r, 8, json.Number(fmt.Sprintf("%d.%02d", r.IntN(2000)-500, r.IntN(100)))),
		orNull(r, 8, json.Number(fmt.Sprintf("%d.%06d", r.IntN(100000), r.IntN(1000000)))),
		orNull(r, 8, float64(r.IntN(4000)-1000)/8),
		orNull(r, 6, r.IntN(1000)-200),
		orNull(r, 5, r.IntN(2) == 0),
		orNull(r, 6, fmt.Sprintf(`{"p": %d, "q": ["u", %d], "r": {"s": "t%d"}}`, r.IntN(9), r.IntN(5), r.IntN(3))),
		time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000"),
	}
	names := []string{"id", "k", "s", "d", "e", "x", "n", "b", "j", "ts"}
	text := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			text = append(text, ',')
		}
		j, err := json.Marshal(v)
		if err != nil {
			panic(err) // no such value is made above
		}
		text = fmt.Appendf(text, "%q:%s", names[i], j)
	}
	return string(append(text, '}'))
}

// orNull is v, or NULL once in so many times.
func orNull(r *rand.Rand, once int, v any) any {
	if r.IntN(once) == 0 {
		return nil
	}
	return v
}

// Create is the statement that makes the table, with the options of a
// connector.
func (t *Table) Create(options string) string {
	return fmt.Sprintf("CREATE TABLE %s (%s, WATERMARK FOR ts AS ts - INTERVAL '%d' SECOND) WITH (%s)", t.Name, t.Columns, t.Delay, options)
}
