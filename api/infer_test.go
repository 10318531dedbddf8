package api_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/access"
)

// sampled is a service whose queries reach only files below a folder, on a registry
// that is kept.
func sampled(t *testing.T, dir, files string) *api.Service {
	t.Helper()
	policy, err := access.New(access.Config{Roots: []string{files}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Options{Registry: all.New(), Access: policy, Dir: files})
	if err != nil {
		t.Fatal(err)
	}
	s, err := api.NewService(dir, api.EngineRunner{Engine: e}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const sampledSQL = `CREATE TABLE payments (WATERMARK FOR at AS at) LIKE SAMPLE 'payments.jsonl' WITH ('connector' = 'file', 'path' = 'payments.jsonl', 'scan.error-policy' = 'skip');
CREATE TABLE big (card BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO big /*+ NAME('big') */ SELECT card FROM payments WHERE amount > 2;`

// TestPinned: what a sample said when a statement was submitted is what the server
// keeps, and what queries are changed against.
func TestPinned(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	file := filepath.Join(files, "payments.jsonl")
	write(t, file, `{"card": 7, "amount": 1, "at": "2026-03-02T12:00:00Z"}`+"\n")
	s := sampled(t, dir, files)
	check, err := s.Submit(&api.Submission{SQL: "EXPLAIN SELECT 1 AS x"})
	if err != nil || check.Pinned != nil {
		t.Fatalf("%+v, %v", check, err)
	}
	if v := s.Validate(&api.Submission{SQL: sampledSQL}); !v.Valid || len(v.Pinned) != 1 {
		t.Fatalf("%+v", v)
	}
	out, err := s.Submit(&api.Submission{SQL: sampledSQL})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Pinned) != 1 || !strings.Contains(out.Pinned[0], "at TIMESTAMP_LTZ(3),\n  WATERMARK FOR at AS at") || strings.Contains(out.Pinned[0], "SAMPLE") {
		t.Errorf("%q", out.Pinned)
	}
	write(t, file, `{"card": 1.5, "new": 1}`+"\n")
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = sampled(t, dir, files)
	defer func() { _ = s.Close(t.Context()) }()
	shown, err := s.Submit(&api.Submission{SQL: "SHOW CREATE TABLE payments"})
	if err != nil || !slices.Equal(shown.Answers[0].Rows[0], out.Pinned) {
		t.Errorf("%+v, %v", shown, err)
	}
	changed := strings.Replace(sampledSQL, "> 2", "> 3", 1)
	if _, err := s.Replace(t.Context(), "big", &api.Replacement{SQL: changed}); err != nil {
		t.Errorf("the file of the query, changed: %v", err)
	}
	if _, err := s.Replace(t.Context(), "big", &api.Replacement{SQL: strings.Replace(changed, "at AS at", "at AS at - INTERVAL '1' SECOND", 1)}); err == nil || !strings.Contains(err.Error(), "another text") {
		t.Errorf("another text of the table: %v", err)
	}
}

// TestInferWhereAllowed: a sample is read where queries may reach, and nowhere else.
func TestInferWhereAllowed(t *testing.T) {
	files, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(files, "a.csv"), "id,name\n1,x\n")
	write(t, filepath.Join(outside, "a.csv"), "secret,name\n1,x\n")
	s := sampled(t, "", files)
	defer func() { _ = s.Close(t.Context()) }()
	got, err := s.Infer(t.Context(), &api.InferRequest{Name: "a", File: "a.csv"})
	if err != nil || got.Columns[0].Name != "id" || got.Records != 1 || !strings.Contains(got.SQL, "'path' = 'a.csv'") {
		t.Fatalf("%+v, %v", got, err)
	}
	path := filepath.Join(outside, "a.csv")
	for _, err := range []error{
		second(s.Infer(t.Context(), &api.InferRequest{Name: "a", File: path})),
		second(s.Infer(t.Context(), &api.InferRequest{Name: "a", Options: map[string]string{"connector": "file", "path": path}})),
		second(s.Submit(&api.Submission{SQL: "CREATE TABLE a LIKE SAMPLE '" + path + "'"})),
		second(s.Infer(t.Context(), &api.InferRequest{Name: "a", Options: map[string]string{"connector": "kafka", "topic": "a", "properties.bootstrap.servers": "127.0.0.1:1"}})),
		second(s.Infer(t.Context(), &api.InferRequest{Name: "a", Options: map[string]string{"connector": "kafka", "topic": "a", "properties.bootstrap.servers": "x:1", "properties.sasl.jaas.config": "secret"}})),
	} {
		if err == nil || strings.Contains(err.Error(), "secret,") {
			t.Errorf("%v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
