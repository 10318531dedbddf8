package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

// canary looks for a secret in everything that a server says and writes.
type canary struct {
	t       *testing.T
	text    string
	address string
	log     bytes.Buffer
	said    bytes.Buffer
	stop    func()
}

// newCanary starts a server on ./data that may use the secret in
// CEPD_SECRET_CANARY.
func newCanary(t *testing.T) *canary {
	c := &canary{t: t, text: "canary" + rand.Text()}
	t.Setenv("CEPD_SECRET_CANARY", c.text)
	writeTestFile(t, "secret", "user:"+c.text+"\n")
	c.start()
	t.Cleanup(func() { c.stop() })
	return c
}

func (c *canary) start() {
	c.t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.MkdirAll("secrets", 0o700); err != nil {
		c.t.Fatal(err)
	}
	writeTestFile(c.t, "secrets/pair", "user:"+c.text+"\n")
	cfg := config{DataDir: "data", Secrets: secretsConfig{Dirs: []string{filepath.Join(dir, "secrets")}}}
	s, err := newServer(cfg, slog.New(slog.NewJSONHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		c.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx, l) }()
	c.address = "http://" + l.Addr().String()
	c.stop = func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
		if err := s.close(); err != nil {
			c.t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
		c.stop = func() {}
	}
}

// ask keeps the answer of a request, which is 2xx or 4xx.
func (c *canary) ask(method, path, sql string) (int, string) {
	c.t.Helper()
	body, _ := json.Marshal(map[string]string{"sql": sql})
	r, err := http.NewRequest(method, c.address+path, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	fmt.Fprintf(&c.said, "%s %s %s\n%d %v %s\n", method, path, sql, res.StatusCode, res.Header, answer)
	return res.StatusCode, string(answer)
}

// search looks through what was said, logged and written.
func (c *canary) search() {
	c.t.Helper()
	forms := []string{c.text, base64.StdEncoding.EncodeToString([]byte(c.text)), base64.StdEncoding.EncodeToString([]byte("user:" + c.text))}
	look := func(where string, text []byte) {
		for _, form := range forms {
			if i := bytes.Index(text, []byte(form)); i >= 0 {
				c.t.Errorf("%s has the secret: …%s…", where, text[max(0, i-500):min(len(text), i+100)])
			}
		}
	}
	look("an answer", c.said.Bytes())
	look("the log", c.log.Bytes())
	files := 0
	err := filepath.WalkDir("data", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files++
		look(path, text)
		return err
	})
	if err != nil || files < 3 {
		c.t.Errorf("%d files, %v", files, err)
	}
}

// TestSecretInEveryOption puts a reference to a secret into each option of each
// connector and format, right or wrong there, reads and writes such a table, and
// looks for the secret everywhere.
func TestSecretInEveryOption(t *testing.T) {
	t.Chdir(t.TempDir())
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	c := newCanary(t)
	options := map[string][]connectors.OptionSpec{}
	registry := all.New()
	for _, name := range registry.Names() {
		x, _ := registry.Lookup(name)
		options[name] = x.Options()
	}
	base := func(name string) map[string]string {
		switch name {
		case "kafka":
			return map[string]string{"connector": name, "topic": "t", "properties.bootstrap.servers": cluster.ListenAddrs()[0], "properties.security.protocol": "PLAINTEXT", "format": "json"}
		case "file":
			return map[string]string{"connector": name, "path": "f.json", "format": "json"}
		}
		return map[string]string{"connector": name}
	}
	tried := 0
	for name, specs := range options {
		for _, s := range append(specs, connectors.OptionSpec{Name: "connector"}, connectors.OptionSpec{Name: "scan.watermark.idle-timeout"}) {
			with := base(name)
			with[s.Name] = "${env:CEPD_SECRET_CANARY}"
			if strings.HasPrefix(s.Name, "properties.ssl.") {
				with["properties.security.protocol"] = "SSL"
			}
			if strings.HasPrefix(s.Name, "properties.sasl.") {
				with["properties.security.protocol"] = "SASL_PLAINTEXT"
			}
			c.tryTable(with)
			tried++
		}
	}
	for _, f := range formats.Specs() {
		for _, s := range f.Options {
			with := base("kafka")
			with["format"], with[s.Name] = f.Name, "${env:CEPD_SECRET_CANARY}"
			if _, ok := with[f.Name+".url"]; !ok && strings.HasSuffix(f.Name, "-confluent") {
				with[f.Name+".url"] = "http://127.0.0.1:1"
			}
			c.tryTable(with)
			tried++
		}
	}
	if tried < 100 {
		t.Errorf("only %d options", tried)
	}
	c.search()
	c.stop()
	c.search()
}

// tryTable checks a table for reading and writing, and creates and describes it.
func (c *canary) tryTable(with map[string]string) {
	c.t.Helper()
	var list []string
	for k, v := range with {
		list = append(list, fmt.Sprintf("'%s' = '%s'", k, v))
	}
	table := "CREATE TABLE t (x INT) WITH (" + strings.Join(list, ", ") + ");\n"
	for _, sql := range []string{
		table + "CREATE TABLE o (x INT) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT x FROM t;",
		table + "INSERT INTO t VALUES (1);",
		table + "EXPLAIN INSERT INTO t VALUES (1); DESCRIBE t; SHOW CREATE TABLE t; SHOW TABLES;",
	} {
		if code, answer := c.ask("POST", "/v1/validate", sql); code >= 500 {
			c.t.Errorf("%s\n%d %s", sql, code, answer)
		}
	}
	if code, _ := c.ask("POST", "/v1/queries", table); code < 300 {
		for _, path := range []string{"/v1/tables/t", "/v1/tables", "/"} {
			c.ask("GET", path, "")
		}
		c.ask("POST", "/v1/queries", "SHOW CREATE TABLE t; DESCRIBE t; EXPLAIN SELECT * FROM t; DROP TABLE t;")
	}
}

// TestSecretsInUse runs queries whose secrets are right, and wrong, restarts the
// server, and looks for them.
func TestSecretsInUse(t *testing.T) {
	t.Chdir(t.TempDir())
	c := newCanary(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"), kfake.EnableSASL(), kfake.Superuser("PLAIN", "user", c.text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	registry := registrytest.New(t)
	registry.Auth = "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+c.text))
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	pair := "${file:" + filepath.Join(dir, "secrets", "pair") + "}"
	table := func(name, jaas, user string) string {
		return fmt.Sprintf(`CREATE TABLE %s (x INT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = '%s', 'properties.security.protocol' = 'SASL_PLAINTEXT',
  'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="user" password="%s";',
  'format' = 'avro-confluent', 'avro-confluent.url' = '%s', 'avro-confluent.basic-auth.user-info' = '%s');
`, name, cluster.ListenAddrs()[0], jaas, registry.URL, user)
	}
	right := table("good", "${env:CEPD_SECRET_CANARY}", pair)
	if code, answer := c.ask("POST", "/v1/queries", right+"INSERT INTO good /*+ NAME('writes') */ VALUES (1);\nCREATE TABLE o (x INT) WITH ('connector' = 'blackhole'); INSERT INTO o /*+ NAME('reads') */ SELECT x FROM good;"); code != 201 {
		t.Fatal(answer)
	}
	running := func() {
		waitFor(t, func() bool {
			_, answer := c.ask("GET", "/v1/queries/reads/status", "")
			return strings.Contains(answer, `"rows":1`) || strings.Contains(answer, `"rows": 1`)
		})
		for _, path := range []string{"/", "/metrics", "/v1/queries", "/v1/queries/reads", "/v1/queries/writes/status", "/v1/queries/reads/instances", "/v1/queries/reads/why?key=1", "/v1/tables/good", "/v1/openapi.json"} {
			c.ask("GET", path, "")
		}
	}
	running()
	for _, wrong := range []string{
		table("bad", "x${env:CEPD_SECRET_CANARY}", pair), table("bad", "${env:CEPD_SECRET_CANARY}", "x"+pair),
		table("bad", "${env:CEPD_SECRET_NONE}", pair), table("bad", "${env:PATH}", pair), table("bad", "${env:CEPD_SECRET_CANARY}", "${file:/etc/hostname}"),
		table("bad", "literal", pair), table("bad", "${env:CEPD_SECRET_CANARY}", "user:literal"),
	} {
		code, answer := c.ask("POST", "/v1/queries", wrong+"INSERT INTO bad VALUES (1);")
		if code < 400 {
			t.Errorf("%s is taken", wrong)
		}
		if strings.Contains(wrong, "literal") && !strings.Contains(answer, "must not stand in the text") {
			t.Error(answer)
		}
	}
	c.stop()
	c.search()
	c.start()
	running()
	c.stop()
	c.search()
	kept, err := os.ReadFile("data/registry.json")
	if err != nil || !strings.Contains(string(kept), `${env:CEPD_SECRET_CANARY}`) {
		t.Errorf("the registry lacks the reference: %s %v", kept, err)
	}
}

// TestConfinedFiles has a server whose queries try to leave their folder.
func TestConfinedFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	c := newCanary(t)
	writeTestFile(t, "outside.json", `{"x": 1}`+"\n")
	writeTestFile(t, "data/files/in.json", `{"x": 1}`+"\n")
	if err := os.Symlink("../../outside.json", "data/files/link.json"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../..", "data/files/up"); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	sql := func(path, insert string) string {
		return fmt.Sprintf("CREATE TABLE f (x INT) WITH ('connector' = 'file', 'path' = '%s', 'format' = 'json');\nCREATE TABLE o (x INT) WITH ('connector' = 'blackhole');\n%s;", path, insert)
	}
	const read, write = "INSERT INTO o /*+ NAME('q') */ SELECT x FROM f", "INSERT INTO f /*+ NAME('q') */ VALUES (2)"
	for _, path := range []string{"../../outside.json", "link.json", "up/outside.json", "up/data/registry.json", "../registry.json", filepath.Join(dir, "outside.json"), "/etc/passwd", "/etc/pass*", "../*", "up/*", "/dev/null", "/proc/self/environ", "file:///etc/passwd"} {
		for _, insert := range []string{read, write} {
			code, answer := c.ask("POST", "/v1/queries", sql(path, insert))
			if code < 400 || code >= 500 {
				t.Errorf("%s, %s: %d %s", path, insert, code, answer)
			}
			if path == "link.json" && !strings.Contains(answer, "files.roots") {
				t.Error(answer)
			}
		}
	}
	for _, schema := range []string{"/etc/passwd", "../registry.json", "link.json"} {
		text := fmt.Sprintf("CREATE TABLE k (x INT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = '127.0.0.1:1', 'format' = 'protobuf', 'protobuf.schema-file' = '%s');\nINSERT INTO k VALUES (1);", schema)
		if code, answer := c.ask("POST", "/v1/validate", text); code != 200 || !strings.Contains(answer, "files.roots") || strings.Contains(answer, "root:") {
			t.Errorf("%s: %s", schema, answer)
		}
	}
	for _, good := range []string{"in.json", "*.json", filepath.Join(dir, "data", "files", "in.json")} {
		insert := read
		if code, answer := c.ask("POST", "/v1/queries", sql(good, insert)); code != 201 {
			if good == "*.json" && strings.Contains(answer, "files.roots") {
				continue // link.json is among them
			}
			t.Errorf("%s: %d %s", good, code, answer)
		}
		c.ask("DELETE", "/v1/queries/q", "")
		c.ask("POST", "/v1/queries", "DROP TABLE f; DROP TABLE o")
	}
	if code, answer := c.ask("POST", "/v1/queries", sql("new.json", write)); code != 201 {
		t.Error(answer)
	}
	waitFor(t, func() bool { text, _ := os.ReadFile("data/files/new.json"); return string(text) == "{\"x\":2}\n" })
	if text, err := os.ReadFile("outside.json"); string(text) != "{\"x\": 1}\n" {
		t.Error(string(text), err)
	}
	const u = "http://169.254.169.254/latest"
	text := fmt.Sprintf("CREATE TABLE k (x INT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = '127.0.0.1:1', 'format' = 'avro-confluent', 'avro-confluent.url' = '%s');\nINSERT INTO k VALUES (1);", u)
	if _, answer := c.ask("POST", "/v1/validate", text); !strings.Contains(answer, "network.allow") {
		t.Error(answer)
	}
}
