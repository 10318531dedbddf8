package hostile

import (
	"strings"
	"testing"
)

func TestRecords(t *testing.T) {
	records, err := Records([]byte("ok"))
	if err != nil {
		t.Fatal(err)
	}
	found, names := map[string]string{}, map[string]bool{}
	for _, r := range records {
		if names[r.Name] {
			t.Errorf("two records are %q", r.Name)
		}
		names[r.Name], found[r.Name] = true, string(r.Data)
	}
	for name, want := range map[string]string{
		"nothing": "", "NULs": strings.Repeat("\x00", 1000), "BOM": "\xef\xbb\xbfok", "twice": "okok",
		"many fields": "{" + strings.Repeat(`"x":1,`, 50000) + `"i":2}`, "good up to byte 1": "o",
	} {
		if found[name] != want {
			t.Errorf("%s is %.100q", name, found[name])
		}
	}
}

func TestErrors(t *testing.T) {
	for _, text := range []string{``, `"a`, `bad`, `"a" times x`, `"a" 7`} {
		if data, err := parse(text, nil); err == nil {
			t.Errorf("%s: taken for %q", text, data)
		}
	}
}
