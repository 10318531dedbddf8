package engine

import (
	"os"
	"regexp"
	"testing"

	"github.com/cepd/cepd/query/catalog"
)

// TestSettingsAreListed checks that each key that the engine reads is one that
// SET accepts, and the other way round.
func TestSettingsAreListed(t *testing.T) {
	text, err := os.ReadFile("settings.go")
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\tset\w+\s*=\s*"([^"]+)"`).FindAllSubmatch(text, -1) {
		key := string(m[1])
		read[key] = true
		if _, err := catalog.CheckSetting(key); err != nil {
			t.Errorf("catalog.Settings: %v", err)
		}
	}
	for _, s := range catalog.Settings {
		if !read[s.Key] {
			t.Errorf("catalog.Settings has '%s', which the engine does not read", s.Key)
		}
		if _, err := parseSettings(map[string]string{s.Key: s.Default}, bounds{}); err != nil {
			t.Errorf("the default of '%s': %v", s.Key, err)
		}
	}
}
