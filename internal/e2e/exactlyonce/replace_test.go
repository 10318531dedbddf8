package exactlyonce

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/cepdtest"
	"github.com/cepd/cepd/internal/kafkatest"
)

// server is a `cepd serve` and its clients.
type server struct {
	*bed
	process *cepd
	address string
}

func (b *bed) server() *server {
	b.t.Helper()
	c, address := b.serve("state")
	return &server{b, c, address}
}

// query runs `cepd query`.
func (s *server) query(args ...string) (string, error) {
	out, err := exec.Command(cepdtest.Program(s.t), append([]string{"query", "--server", s.address}, args...)...).CombinedOutput()
	return string(out), err
}

// replacement is a text that means the same as the others, and how it is asked for.
type replacement struct {
	text string
	args []string
}

var replacements = []replacement{
	{`SELECT m, a, b FROM (SELECT n AS number, meter AS m, v AS reading, ts AS t FROM readings) MATCH_RECOGNIZE (PARTITION BY m ORDER BY t
  MEASURES X.number AS a, Y.number AS b AFTER MATCH SKIP PAST LAST ROW PATTERN (X Y) DEFINE Y AS Y.reading > X.reading)`, []string{"--map", "A=X", "--map", "B=Y"}},
	{`SELECT meter, a, b FROM readings MATCH_RECOGNIZE (PARTITION BY meter ORDER BY ts MEASURES A.v AS low, A.n AS a, B.n AS b
  AFTER MATCH SKIP PAST LAST ROW PATTERN (A B) DEFINE B AS B.v > A.v)`, []string{"--map", "X=A", "--map", "Y=B"}},
}

// Replaced five times under load, and once killed in the middle of it, a rule
// delivers each rise once: none is lost with an open match, none comes twice.
func TestReplacedUnderLoad(t *testing.T) {
	t.Logf("seed %d: repeat with -exactly.seed=%d", *seed, *seed)
	b := newBed(t, kafkatest.Broker(t))
	rnd := rand.New(rand.NewPCG(*seed, 5))
	s := b.server()
	if out, err := s.query("submit", b.file("query.sql")); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for version := 2; version <= 6; version++ {
		b.await(b.world.Wanted() + 100)
		r := replacements[version%2]
		if version == 4 {
			s = s.killed(r, time.Duration(rnd.Int64N(int64(200*time.Millisecond))))
		}
		out, err := s.replace(r)
		for end := time.Now().Add(catchUp); err != nil && strings.Contains(out, "repeating its journal") && time.Now().Before(end); {
			out, err = s.replace(r)
		}
		// What was killed may have been done.
		if err != nil && !strings.Contains(out, "the running version has no variable") {
			t.Fatalf("version %d: %v: %s\n%s", version, err, out, &s.process.stderr)
		}
		s.runs(version)
	}
	b.finish(s.process)
}

// runs waits until a version of the query runs: after a restart it recovers first.
func (s *server) runs(version int) {
	s.t.Helper()
	running := regexp.MustCompile(fmt.Sprintf(`running +%d `, version))
	end, look := time.After(catchUp), time.NewTicker(20*time.Millisecond)
	defer look.Stop()
	for {
		out, err := s.query("list")
		if err == nil && running.MatchString(out) {
			return
		}
		select {
		case <-end:
			s.t.Fatalf("version %d: %v: %s\n%s", version, err, out, &s.process.stderr)
		case <-look.C:
		}
	}
}

// replace asks for a replacement.
func (s *server) replace(r replacement) (string, error) {
	text := "INSERT INTO rises " + r.text + ";\n"
	if err := os.WriteFile(s.file("next.sql"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.query(append([]string{"replace", "rises", s.file("next.sql")}, r.args...)...)
}

// killed kills the server some time after a replacement was asked for, and starts
// it again.
func (s *server) killed(r replacement, after time.Duration) *server {
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = s.replace(r) // the answer may not come
	}()
	s.kill(s.process, after)
	<-asked
	return s.server()
}
