package parse_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// TestGeneratedIsCurrent needs no Java: scripts/generate.sh records the hash of
// the grammars it read.
func TestGeneratedIsCurrent(t *testing.T) {
	hash := sha256.New()
	for _, file := range []string{"CEPLexer.g4", "CEPParser.g4"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		hash.Write(text)
	}
	recorded, err := os.ReadFile("gen/grammar.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != strings.TrimSpace(string(recorded)) {
		t.Errorf("query/parse/gen was made from another grammar: run scripts/generate.sh")
	}
}
