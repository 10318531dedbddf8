package parse_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/query/format"
	"github.com/cepd/cepd/query/parse"
)

// FuzzParse: no panic, no defect reported, errors inside the text, and what
// parses is printed as a text that parses to the same.
func FuzzParse(f *testing.F) {
	for i, text := range sampleTexts(f) {
		if i%20 == 0 || len(text) > 1000 {
			f.Add(text)
		}
	}
	for _, text := range []string{"", ";;", "SELECT", "'", "(", "a\x00b", "\xff", "/*+", "SELECT 'ä' AS ä -- ö", "SELECT - -a, INTERVAL - :x DAY"} {
		f.Add(text)
	}
	f.Fuzz(checkText)
}

func checkText(t *testing.T, text string) {
	t.Helper()
	if _, err := parse.Parse("", text); err != nil {
		checkErrors(t, text, err)
		return
	}
	out, err := format.Script(text) // which compares the trees itself
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if twice, err := format.Script(out); err != nil || twice != out {
		t.Fatalf("printed %q as %q, and that as %q (%v)", text, out, twice, err)
	}
}

// TestMutations puts words and signs of the samples where they do not belong:
// nearer to the grammar than bytes are.
func TestMutations(t *testing.T) {
	var samples [][]string
	var pool []string
	for i, text := range sampleTexts(t) {
		if i%40 == 0 || !strings.Contains(text, "FROM events") {
			words := wordPattern.FindAllString(text, -1)
			samples, pool = append(samples, words), append(pool, words...)
		}
	}
	rounds := 2000
	if testing.Short() {
		rounds = 400
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		words := slices.Clone(samples[random.IntN(len(samples))])
		for range 1 + random.IntN(3) {
			i, word := random.IntN(len(words)), pool[random.IntN(len(pool))]
			switch random.IntN(4) {
			case 0:
				words[i] = word
			case 1:
				words = slices.Insert(words, i, word)
			case 2:
				words = append(slices.Delete(words, i, i+1), ";")
			default:
				j := random.IntN(len(words))
				words[i], words[j] = words[j], words[i]
			}
		}
		checkText(t, strings.Join(words, ""))
	}
}

// wordPattern is a word, string, comment or sign with the space after it.
var wordPattern = regexp.MustCompile(`(?s)(--[^\n]*\n|/\*.*?\*/|'[^']*'|"[^"]*"|\w+|->>|->|\{-|-\}|::|=>|[^\w\s])\s*`)

func checkErrors(t *testing.T, text string, err error) {
	t.Helper()
	list, ok := diag.As(err)
	if !ok || len(list.Items) == 0 {
		t.Fatalf("not a list of errors: %v", err)
	}
	for _, d := range list.Items {
		if d.Span.Start < 0 || d.Span.End < d.Span.Start || d.Span.End > len(text) || strings.Contains(d.Message, "defect") {
			t.Fatalf("%q: %+v", text, d)
		}
	}
	_ = list.Error()
}
