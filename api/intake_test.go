package api

import (
	"testing"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/state/intake"
)

// TestForgetUnread has a query let go of the tables that its text does not read.
func TestForgetUnread(t *testing.T) {
	logs := intake.New(clock.Wall{})
	if err := logs.Open(nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(logs.Close)
	s := &Service{runner: &fakeRunner{logs: logs}}
	for _, name := range []string{"A", "B"} {
		l, err := logs.Log(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), &intake.Post{Records: []intake.Record{{Value: []byte("{}")}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Open("q", intake.Newest, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := query.CompileText(catalog.New(), "", `CREATE TABLE A (x INT) WITH ('connector' = 'http', 'format' = 'json');
CREATE TABLE o (x INT) WITH ('connector' = 'blackhole');
INSERT INTO o /*+ NAME('q') */ SELECT x + 1 FROM (SELECT x FROM A WHERE x > 1) AS s;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.forgetUnread(&c.Queries[0]); err != nil {
		t.Fatal(err)
	}
	if a, b := logs.Find("a").Stats().Unread, logs.Find("b").Stats().Unread; a != 0 || b != 1 { // of b nobody has read anything
		t.Errorf("%d and %d records are unread", a, b)
	}
}
