package exactlyonce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cepd/cepd/api/client"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/e2e/rises"
	"github.com/cepd/cepd/internal/kafkatest"
)

// matched is the rises with what a text makes of them; %s is AFTER MATCH SKIP.
const matched = `FROM readings MATCH_RECOGNIZE (PARTITION BY meter ORDER BY ts
  MEASURES A.n AS a, B.n AS b AFTER MATCH SKIP %s PATTERN (A B) DEFINE B AS B.v > A.v)`

// The meters are of five kinds: both texts give the rises of two, with other
// values of one, and one of the texts alone those of two.
var (
	oldText = "INSERT INTO rises SELECT meter, a, b " + fmt.Sprintf(matched, "PAST LAST ROW") + " WHERE MOD(meter, 5) <> 2;\n"
	newText = "INSERT INTO rises SELECT meter, CASE WHEN MOD(meter, 5) = 1 THEN -1 - a ELSE a END, b " + fmt.Sprintf(matched, "PAST LAST ROW") + " WHERE MOD(meter, 5) <> 3;\n"
	// nextText finds rises that overlap: no state can be kept for it.
	nextText = "INSERT INTO rises SELECT meter, a, b " + fmt.Sprintf(matched, "TO NEXT ROW") + ";\n"
)

// oldRises are what oldText makes of the rises, by their second reading.
func oldRises(all map[int64]rises.Rise) map[int64]rises.Rise {
	out := map[int64]rises.Rise{}
	for b, r := range all {
		if r.Meter%5 != 2 {
			out[b] = r
		}
	}
	return out
}

func newRises(all map[int64]rises.Rise) map[int64]rises.Rise {
	out := map[int64]rises.Rise{}
	for b, r := range all {
		if r.Meter%5 == 1 {
			r.A = -1 - r.A
		}
		if r.Meter%5 != 3 {
			out[b] = r
		}
	}
	return out
}

func (b *bed) changing() *server {
	b.t.Helper()
	b.t.Logf("seed %d: repeat with -exactly.seed=%d", *seed, *seed)
	s := b.server()
	if out, err := s.query("submit", s.file("query.sql")); err != nil {
		b.t.Fatalf("%v: %s", err, out)
	}
	return s
}

func changingBed(t *testing.T) *bed {
	t.Helper()
	create, _, _ := strings.Cut(query, "INSERT INTO")
	return newBedOf(t, kafkatest.Broker(t), create+strings.ReplaceAll(oldText, "%", "%%"))
}

// TestShadowUnderLoad runs another text beside a rule under load, and has it take
// over, with kills while it reads history, while both are compared and while it
// takes over. The comparison is what is true of the readings, and each rise is
// delivered once: up to one reading by the old text, from there on by the new.
func TestShadowUnderLoad(t *testing.T) {
	t.Parallel()
	b := changingBed(t)
	rnd := rand.New(rand.NewPCG(*seed, 29))
	s := b.changing()
	b.await(200)
	s.write("new.sql", newText)
	if out, err := s.query("shadow", "rises", s.file("new.sql"), "--from", "2020-01-01T00:00:00Z"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s = s.restarted(time.Duration(rnd.Int64N(int64(300 * time.Millisecond))))
	s.awaits("it compares", func() error {
		if x, err := s.client().Shadow(context.Background(), "rises"); err != nil || x.Phase != engine.ShadowComparing {
			return fmt.Errorf("%+v, %w", x, err)
		}
		return nil
	})
	b.await(s.delivered() + 200)
	s = s.restarted(0)
	b.await(s.delivered() + 200)
	if err := b.world.Hold(); err != nil {
		t.Fatal(err)
	}
	s.awaits("the comparison is true", s.compared)
	if out := b.run("select", "SELECT c.phase, COUNT(*) AS n FROM cepd.comparisons c JOIN cepd.differences d ON c.query = d.query GROUP BY c.phase", "--server", s.address); !strings.Contains(out, "comparing  100") {
		t.Errorf("the system tables:\n%s", out)
	}
	b.world.Release()
	s = s.promoted(time.Duration(rnd.Int64N(int64(400 * time.Millisecond))))
	b.await(s.delivered() + 200)
	all := func() map[int64]rises.Rise { return b.world.Rises(0, false) }
	s.finishes(func() (before, after map[int64]rises.Rise) { return oldRises(all()), newRises(all()) })
}

// TestReplayUnderLoad replaces a rule under load by one that cannot have its
// state: that is made of the history since a time, and then the new text takes
// over, killed meanwhile. Up to one reading rises are those of the old text, from
// there on those that the new one finds in the readings since that time.
func TestReplayUnderLoad(t *testing.T) {
	t.Parallel()
	b := changingBed(t)
	rnd := rand.New(rand.NewPCG(*seed, 30))
	s := b.changing()
	b.await(200)
	if err := b.world.Hold(); err != nil {
		t.Fatal(err)
	}
	first, from := b.world.Readings()+1, time.Now().Add(time.Millisecond)
	<-time.After(time.Until(from) + time.Millisecond) // records have milliseconds
	b.world.Release()
	b.await(s.delivered() + 200)
	s.write("next.sql", nextText)
	if out, err := s.query("replace", "rises", s.file("next.sql")); err == nil || !strings.Contains(out, "AFTER MATCH SKIP differs") || s.version() != 1 {
		t.Fatalf("without a mode it is to answer only: %v: %s", err, out)
	}
	out, err := s.query("replace", "rises", s.file("next.sql"), "--mode", "replay", "--from", from.UTC().Format(time.RFC3339Nano))
	if err != nil || !strings.Contains(out, "and then takes its place") {
		t.Fatalf("%v: %s", err, out)
	}
	s = s.restarted(time.Duration(rnd.Int64N(int64(400 * time.Millisecond))))
	s.awaits("it takes over", func() error {
		if v := s.version(); v != 2 {
			return fmt.Errorf("version %d", v)
		}
		return nil
	})
	b.await(s.delivered() + 200)
	s.finishes(func() (before, after map[int64]rises.Rise) {
		return oldRises(b.world.Rises(0, false)), b.world.Rises(first, true)
	})
}

func (s *server) client() *client.Client {
	c, err := client.New(s.address, client.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *server) write(name, text string) {
	if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) restarted(after time.Duration) *server {
	s.kill(s.process, after)
	return s.server()
}

// version is that of the rule; 0 when the server does not say.
func (s *server) version() int {
	q, err := s.client().Query(context.Background(), "rises")
	if err != nil {
		return 0
	}
	return q.Version
}

// awaits waits until something is so.
func (s *server) awaits(what string, so func() error) {
	s.t.Helper()
	end, look := time.After(catchUp), time.NewTicker(50*time.Millisecond)
	defer look.Stop()
	for {
		err := so()
		if err == nil {
			return
		}
		select {
		case <-end:
			s.t.Fatalf("%s: %v\n%s", what, err, &s.process.stderr)
		case <-look.C:
		}
	}
}

// delivered is how many rises of the old text there are, or there will be.
func (b *bed) delivered() int { return len(oldRises(b.world.Rises(0, false))) }

// compared checks the comparison against the readings. It began behind some
// reading: what is compared are the last rises of those that are decided.
func (s *server) compared() error {
	x, err := s.client().Shadow(context.Background(), "rises")
	if err != nil || x.Comparison == nil {
		return fmt.Errorf("no comparison: %+v, %w", x, err)
	}
	c := x.Comparison
	decided := s.world.Decided()
	all := s.world.Rises(0, false)
	maps.DeleteFunc(all, func(b int64, _ rises.Rise) bool { return b > decided })
	order := slices.Sorted(maps.Keys(all))
	n := int(c.Same + c.OnlyOld + c.OnlyNew + c.Changed)
	if n < 200 || n > len(order) || x.Behind > 0 || c.WaitingOld+c.WaitingNew > 0 || c.Uncompared > 0 || c.Error != "" {
		return fmt.Errorf("of %d rises: %+v", len(order), c)
	}
	order = order[len(order)-n:]
	var want engine.Outcomes
	for _, b := range order {
		switch all[b].Meter % 5 {
		case 1:
			want.Changed++
		case 2:
			want.OnlyNew++
		case 3:
			want.OnlyOld++
		default:
			want.Same++
		}
	}
	if want != c.Outcomes {
		return fmt.Errorf("compared %+v, of the last %d rises %+v", c.Outcomes, n, want)
	}
	return s.differences(c, all, order[0])
}

// differences checks those that are shown.
func (s *server) differences(c *engine.Comparison, all map[int64]rises.Rise, first int64) error {
	was, is := oldRises(all), newRises(all)
	for _, d := range c.Differences {
		var rows [2]*rises.Rise
		for i, text := range []json.RawMessage{d.Old, d.New} {
			if len(text) == 0 {
				continue
			}
			if err := json.Unmarshal(text, &rows[i]); err != nil {
				return err
			}
		}
		b := rows[0]
		if b == nil {
			b = rows[1]
		}
		if b.B < first || !same(was, b.B, rows[0]) || !same(is, b.B, rows[1]) {
			return fmt.Errorf("the difference %s %s %s is none", d.Kind, d.Old, d.New)
		}
	}
	if len(c.Differences) != 100 {
		return fmt.Errorf("%d differences are shown", len(c.Differences))
	}
	return nil
}

func same(all map[int64]rises.Rise, b int64, got *rises.Rise) bool {
	want, ok := all[b]
	return ok == (got != nil) && (!ok || want == *got)
}

// promoted promotes the shadow, and kills the server some time after that was
// asked for.
func (s *server) promoted(after time.Duration) *server {
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = s.query("promote", "rises") // the answer may not come
	}()
	s.kill(s.process, after)
	<-asked
	s = s.server()
	s.awaits("the shadow takes over", func() error {
		if s.version() == 2 {
			return nil
		}
		q, err := s.client().PromoteShadow(context.Background(), "rises")
		refused := new(client.Error)
		if err != nil && (!errors.As(err, &refused) || refused.Status >= 500) {
			s.t.Fatalf("%v\n%s", err, &s.process.stderr)
		}
		return fmt.Errorf("%+v, %w", q, err)
	})
	return s
}

// finishes ends the feed, and checks that what was delivered is, each once, what
// one text makes of the readings up to some reading, and another of those behind.
func (s *server) finishes(texts func() (before, after map[int64]rises.Rise)) {
	s.t.Helper()
	s.stopFed()
	if err := <-s.fed; err != nil {
		s.t.Fatal(err)
	}
	before, after := texts()
	var cut int64
	so := func(seen map[rises.Rise]int) (err error) {
		cut, err = switched(seen, before, after, s.world.Readings())
		return err
	}
	r := s.reader()
	ctx, cancel := context.WithTimeout(context.Background(), catchUp)
	defer cancel()
	if err := r.When(ctx, so); err != nil {
		s.t.Errorf("%v\n%s", err, &s.process.stderr)
	}
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := <-s.process.done; err != nil {
		s.t.Errorf("after SIGTERM: %v\n%s", err, &s.process.stderr)
	}
	r.Quiet(extra)
	cancel()
	if err := r.When(ctx, so); err != nil {
		s.t.Error(err)
	}
	s.t.Logf("%d readings, the new text since %d", s.world.Readings(), cut)
}

// switched says behind which reading the rises seen are those of after, no longer
// of before; or with which the fewest differ.
func switched(seen map[rises.Rise]int, before, after map[int64]rises.Rise, readings int64) (cut int64, err error) {
	at := map[int64]rises.Rise{}
	for r, n := range seen {
		if other, twice := at[r.B]; twice || n > 1 {
			return 0, fmt.Errorf("%v ×%d, and %v", r, n, other)
		}
		at[r.B] = r
	}
	wrong := func(b int64, want map[int64]rises.Rise) int {
		x, ok := at[b]
		if y, wanted := want[b]; ok != wanted || x != y {
			return 1
		}
		return 0
	}
	sum := 0
	for b := range readings + 1 {
		sum += wrong(b, after)
	}
	least := sum
	for b := range readings + 1 {
		if sum += wrong(b, before) - wrong(b, after); sum < least {
			least, cut = sum, b
		}
	}
	if least > 0 || cut == 0 {
		return cut, fmt.Errorf("of %d rises %d differ from those of the old text up to reading %d and of the new one behind it", len(seen), least, cut)
	}
	return cut, nil
}
