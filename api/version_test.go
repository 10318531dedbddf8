package api

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRegistryFormats reads the registry of each format, and writes it as that of
// today.
func TestRegistryFormats(t *testing.T) {
	for _, name := range []string{"v1", "v2", "v3"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("registries", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			s := &server{t: t, dir: t.TempDir()}
			if err := os.WriteFile(filepath.Join(s.dir, registryName), text, 0o600); err != nil {
				t.Fatal(err)
			}
			s.start()
			q, err := s.service.Query("q")
			if err != nil || q.State != "running" || q.SQL != "INSERT INTO b /*+ NAME('q') */ SELECT x FROM a WHERE x > 2" {
				t.Fatalf("%+v, %v", q, err)
			}
			if err := s.service.registry.replace(s.service.statements()); err != nil {
				t.Fatal(err)
			}
			var f registryFile
			text, _ = os.ReadFile(filepath.Join(s.dir, registryName))
			if err := json.Unmarshal(text, &f); err != nil || f.Version != versionOf(f.Statements) {
				t.Errorf("version %d, %v", f.Version, err)
			}
		})
	}
}

// TestPendingVersion restarts servers that ended in the middle of a change: the
// state says which text holds.
func TestPendingVersion(t *testing.T) {
	for state, want := range map[int]string{0: "1", 1: "1", 2: "2"} {
		s := &server{t: t, dir: t.TempDir()}
		s.start()
		if _, err := s.service.Submit(&Submission{SQL: "CREATE TABLE b (x INT) WITH ('connector'='blackhole'); INSERT INTO b VALUES (1)"}); err != nil {
			t.Fatal(err)
		}
		pending := &Version{Number: 2, SQL: "INSERT INTO b VALUES (2)", State: "kept"}
		if err := s.service.edit("b", func(st *Statement) { st.Pending = pending }); err != nil {
			t.Fatal(err)
		}
		runner := &fakeRunner{running: map[string]string{}, version: state}
		again, err := NewService(s.dir, runner, s.service.log)
		if err != nil {
			t.Fatal(err)
		}
		again.starts.settled()
		if q, _ := again.Query("b"); q.SQL != "INSERT INTO b VALUES ("+want+")" {
			t.Errorf("state of version %d: %s", state, q.SQL)
		}
		if st := again.statements()[1]; st.Pending != nil || len(st.Past)+1 != st.number() {
			t.Errorf("state of version %d: %+v", state, st)
		}
	}
}

func TestVersionsAreBounded(t *testing.T) {
	s := Statement{Kind: kindQuery, Name: "q", SQL: "1"}
	for n := 2; n <= 3*MaxVersions; n++ {
		s.become(&Version{Number: n, SQL: "n", Created: time.Unix(int64(n), 0)})
	}
	if len(s.Past) != MaxVersions-1 || s.Past[0].Number != 2*MaxVersions+1 || s.Number != 3*MaxVersions {
		t.Errorf("%d versions, from %d to %d", len(s.Past)+1, s.Past[0].Number, s.Number)
	}
}
