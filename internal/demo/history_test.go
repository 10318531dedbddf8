package demo

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func at(s int) time.Time { return time.Date(2026, 3, 2, 12, 0, s, 0, time.UTC) }

func TestJudge(t *testing.T) {
	h := NewHistory(10, 8)
	card := cardNumber(3)
	for i := range 4 {
		h.Add(Payment{Card: card, Cents: int64(100 * i), Time: at(i)}, at(100+i))
		h.Add(Payment{Card: cardNumber(4), Time: at(i)}, at(100+i))
	}
	h.Plant(Plant{Card: card, First: at(1), Last: at(3)})
	h.Plant(Plant{Card: cardNumber(5), First: at(1), Last: at(3)})
	d := Detection{Card: card, First: at(1), Last: at(3)}

	v, events, delay := h.Judge(d, at(105))
	if v != Found || len(events) != 3 || delay != 2*time.Second {
		t.Errorf("first: verdict %d, %d events, %v", v, len(events), delay)
	}
	if v, _, _ := h.Judge(d, at(105)); v != Repeated {
		t.Errorf("again: verdict %d", v)
	}
	d.Last = at(2)
	if v, _, _ := h.Judge(d, at(105)); v != FalseAlarm {
		t.Errorf("other: verdict %d", v)
	}
	got := h.Tally()
	want := Tally{Planted: 2, Found: 1, Missed: 1, FalseAlarms: 1, Repeated: 1, Median: 2 * time.Second, P99: 2 * time.Second}
	if got != want {
		t.Errorf("tally %+v, want %+v", got, want)
	}
}

func TestHistoryForgets(t *testing.T) {
	h := NewHistory(2, 4)
	for i := range 10 {
		h.Add(Payment{Card: cardNumber(0), Time: at(i)}, at(i))
	}
	_, events, _ := h.Judge(Detection{Card: cardNumber(0), First: at(0), Last: at(9)}, at(9))
	if len(events) != 4 {
		t.Errorf("%d events remembered, want 4", len(events))
	}
	if _, events, _ := h.Judge(Detection{Card: 7}, at(9)); events != nil {
		t.Error("events of an unknown card")
	}
}

func TestJSON(t *testing.T) {
	p := Payment{Card: 7, Cents: 1205, Country: "FR", Merchant: "Page & Quill", Kind: "retail", Time: at(1)}
	const want = `{"card":7,"amount":12.05,"country":"FR","merchant":"Page & Quill","kind":"retail","ts":"2026-03-02 12:00:01.000"}`
	if got := string(p.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	d, err := parseDetection([]byte(`{"card":7,"started":"2026-03-02 12:00:01.000","ended":"2026-03-02 12:00:02.000","probes":3,"amount":812.50,"country":"FR"}`))
	if err != nil || d != (Detection{Card: 7, First: at(1), Last: at(2), Probes: 3, Amount: json.Number("812.50"), Country: "FR"}) {
		t.Errorf("got %+v, %v", d, err)
	}
	if _, err := parseDetection([]byte(`{"card":"x"}`)); err == nil {
		t.Error("a bad alert is accepted")
	}
}

func TestScreen(t *testing.T) {
	var b strings.Builder
	s := Screen{Out: &b}
	s.Detection(Found, Detection{Card: 7, Probes: 3, Amount: "812.50", Country: "FR"}, []Payment{{Cents: 99, Time: at(0)}, {Cents: 81250, Time: at(1)}}, 31*time.Millisecond)
	s.Summary(Tally{Planted: 2, Found: 1, Missed: 1}, 1_234_567, 10*time.Second)
	for _, want := range []string{"FRAUD  card 7: 3 small payments, then 812.50 in FR  (31 ms", "812.50", "2 planted, 1 found, 1 missed, 0 false alarms", "123,456 events/s"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("screen lacks %q:\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("colour without being asked")
	}
}
