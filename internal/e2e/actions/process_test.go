package actions

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
)

// approvals is examples/processes/human.sql for this server and service; what is slow
// is escalated after one second and refused after two.
func approvals(t *testing.T, s *server, web *service) string {
	text, err := os.ReadFile("../../../examples/processes/human.sql")
	if err != nil {
		t.Fatal(err)
	}
	sql := string(text)
	replace := func(old, new string, n int) {
		if strings.Count(sql, old) != n {
			t.Fatalf("%q stands %d times in the example, want %d", old, strings.Count(sql, old), n)
		}
		sql = strings.ReplaceAll(sql, old, new)
	}
	replace("http://localhost:9000", web.url, 2)
	replace("http://localhost:8080", s.url(""), 1)
	slow := "PATTERN (A -> NOT D) WITHIN INTERVAL '1' SECOND\n  DEFINE A AS A.id = 'slow' AND A.kind = 'asked'"
	replace("PATTERN (A -> NOT D) WITHIN INTERVAL '3' DAY\n  DEFINE A AS A.kind = 'asked'", slow, 1)
	replace("PATTERN (A -> NOT D) WITHIN INTERVAL '5' DAY\n  DEFINE A AS A.kind = 'asked'", strings.Replace(slow, "'1'", "'2'", 1), 1)
	return sql
}

type message struct{ To, Text string }

// messages are those about a payment.
func (s *service) messages(id string) (list []message) {
	for _, x := range s.taken() {
		var m message
		if x.path == "/messages" && json.Unmarshal([]byte(x.body), &m) == nil && strings.Contains(m.Text, " for "+id+"?") {
			list = append(list, m)
		}
	}
	return list
}

// outcomes are those of a payment.
func (s *service) outcomes(id string) (list []string) {
	for _, x := range s.taken() {
		var o struct{ ID, Outcome string }
		if x.path == "/outcomes" && json.Unmarshal([]byte(x.body), &o) == nil && o.ID == id {
			list = append(list, o.Outcome)
		}
	}
	return list
}

var links = regexp.MustCompile(`Yes: (\S+) No: (\S+)`)

// TestApproval carries an approval through: a question with links, which a person
// follows and confirms, and which count once; and one that nobody answers.
func TestApproval(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of a server process; not with -short")
	}
	web := newService(t, func() bool { return false })
	s := newServer(t)
	s.submit(approvals(t, s, web))
	s.post("events", "1", `{"id":"rent","kind":"asked","amount":12.5}`)
	cepdtest.Await(t, func() bool { return len(web.messages("rent")) == 1 })
	m := web.messages("rent")[0]
	found := links.FindStringSubmatch(m.Text)
	if m.To != "team" || found == nil || !strings.HasPrefix(m.Text, "Pay 12.50 for rent?") {
		t.Fatalf("%+v", m)
	}
	yes, no := found[1], found[2]
	expect := func(method, url string, want int, text string) {
		t.Helper()
		if code, body := s.call(method, url, ""); code != want || !strings.Contains(body, text) {
			t.Errorf("%s: %d %s", method, code, body)
		}
	}
	// Looking at a link, as mail programs do, posts nothing.
	expect(http.MethodGet, yes, http.StatusOK, "approved")
	expect(http.MethodGet, yes, http.StatusOK, `<form method="post">`)
	expect(http.MethodGet, no, http.StatusOK, "rejected")
	expect(http.MethodGet, strings.Replace(yes, "/events/A", "/events/B", 1), http.StatusNotFound, "not valid")
	expect(http.MethodPost, yes[:len(yes)-2]+"xx", http.StatusNotFound, "not valid")
	expect(http.MethodPost, strings.Replace(yes, "/events/", "/outcomes/", 1), http.StatusNotFound, "not valid")
	if got := web.outcomes("rent"); len(got) > 0 {
		t.Errorf("before anybody has answered: %q", got)
	}
	expect(http.MethodPost, yes, http.StatusOK, "It has been recorded.")
	cepdtest.Await(t, func() bool { return len(web.outcomes("rent")) > 0 })
	s.kill()
	s.start()
	again := func(link string) string { return s.url(link[strings.Index(link, "/links/"):]) }
	expect(http.MethodPost, again(yes), http.StatusOK, "It had been recorded before")
	expect(http.MethodPost, again(no), http.StatusOK, "It has been recorded.") // too late: the rule takes the first
	s.post("events", "2", `{"id":"slow","kind":"asked","amount":7}`)
	cepdtest.Await(t, func() bool { return len(web.outcomes("slow")) > 0 && len(web.messages("slow")) > 1 })
	if got := web.messages("slow"); len(got) != 2 || got[0].To != "team" || got[1].To != "manager" {
		t.Errorf("%+v", got)
	}
	for id, want := range map[string]string{"rent": "approved", "slow": "refused"} {
		for _, got := range web.outcomes(id) { // at least once
			if got != want {
				t.Errorf("%s: %s", id, got)
			}
		}
	}
}
