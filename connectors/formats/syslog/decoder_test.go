package syslog

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/formattest"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/hostile"
)

var columns = []connectors.Column{
	{Name: "facility", Type: event.TInt32}, {Name: "Severity", Type: event.TString}, {Name: "version", Type: event.TInt32},
	{Name: "timestamp", Type: event.Type{Kind: event.TimestampLTZ, Precision: 6}}, {Name: "hostname", Type: event.TString}, {Name: "appname", Type: event.TString},
	{Name: "procid", Type: event.TString}, {Name: "msgid", Type: event.TString}, {Name: "structured_data", Type: event.TString}, {Name: "message", Type: event.TString},
}

const good = `<165>1 2026-01-02T03:04:05.123456+01:00 fw1 sshd 71 ID47 [auth@1 user="ann" ok="no\"t"][z b="2"] failed: ünïcode`
const goodRow = `20 | "notice" | 1 | 2026-01-02 02:04:05.123456Z | "fw1" | "sshd" | "71" | "ID47" | "{\"auth@1\":{\"ok\":\"no\\\"t\",\"user\":\"ann\"},\"z\":{\"b\":\"2\"}}" | "failed: ünïcode"` + "\n"

func newDecoder(t testing.TB, opts Options) *Decoder {
	t.Helper()
	d, err := New(columns, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// decode gives the row of a message that came at a time, or why there is none.
func decode(t testing.TB, d *Decoder, text string, came time.Time) string {
	t.Helper()
	raw := formattest.Raw(text)
	raw.Time[0] = came.UnixMicro()
	b := formattest.Batch(columns)
	b.Reset(1)
	rejects, err := d.Decode(raw, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(rejects) > 0 {
		return "rejected: " + rejects[0].Reason
	}
	return formattest.Row(b, 0)
}

func TestDecode(t *testing.T) {
	came := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	newYear := time.Date(2027, 1, 1, 0, 0, 10, 0, time.UTC)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		opts Options
		came time.Time
		want string
	}{
		{good, Options{}, came, goodRow},
		{"<0>1 - - - - - -", Options{}, came, `0 | "emerg" | 1 | NULL | NULL | NULL | NULL | NULL | NULL | NULL` + "\n"},
		{"<34>Oct 11 22:14:15 mymachine su: 'su root' failed on /dev/pts/8", Options{}, came, `4 | "crit" | NULL | 2026-10-11 22:14:15.000000Z | "mymachine" | "su" | NULL | NULL | NULL | "'su root' failed on /dev/pts/8"` + "\n"},
		{"<34>Oct  1 22:14:15 h app[12]: text", Options{Zone: berlin}, came, `4 | "crit" | NULL | 2026-10-01 20:14:15.000000Z | "h" | "app" | "12" | NULL | NULL | "text"` + "\n"},
		{"<13>Dec 31 23:59:59 h a: the old year", Options{}, newYear, `1 | "notice" | NULL | 2026-12-31 23:59:59.000000Z | "h" | "a" | NULL | NULL | NULL | "the old year"` + "\n"},
		{"<13>Jan  1 00:00:01 h a: a clock that is ahead", Options{}, newYear.Add(-time.Minute), `1 | "notice" | NULL | 2027-01-01 00:00:01.000000Z | "h" | "a" | NULL | NULL | NULL | "a clock that is ahead"` + "\n"},
		{"<13>2026-02-03T04:05:06Z h a: with a year", Options{}, newYear, `1 | "notice" | NULL | 2026-02-03 04:05:06.000000Z | "h" | "a" | NULL | NULL | NULL | "with a year"` + "\n"},
		{"<13>Jan  1 00:00:01 h a: x", Options{}, time.UnixMicro(0), "rejected: the timestamp has no year"},
		{good, Options{RFC: RFC3164}, came, "rejected: no syslog message of RFC 3164"},
		{"<34>Oct 11 22:14:15 h su: x", Options{RFC: RFC5424}, came, "rejected: no syslog message of RFC 5424"},
		{"no syslog at all", Options{}, came, "rejected: no syslog message of RFC 3164"},
		{"<999>1 - - - - - -", Options{}, came, "rejected: no syslog message of RFC 5424"},
		{"", Options{}, came, "rejected: no syslog message"},
	} {
		if got := decode(t, newDecoder(t, c.opts), c.text, c.came); got != c.want && (!strings.HasPrefix(c.want, "rejected") || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

// TestHostile puts bad messages between good ones: no neighbour changes.
func TestHostile(t *testing.T) {
	records, err := hostile.Records([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder(t, Options{})
	for _, r := range records {
		checkNeighbours(t, d, string(r.Data))
	}
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 3000 {
		text := []byte(good)
		for range 1 + rnd.IntN(3) {
			text[rnd.IntN(len(text))] = byte(rnd.Uint32())
		}
		checkNeighbours(t, d, string(text))
	}
	if t.Failed() {
		t.Log("seed", seed)
	}
}

func checkNeighbours(t *testing.T, d *Decoder, text string) {
	t.Helper()
	b := formattest.Batch(columns)
	b.Reset(3)
	rejects, err := d.Decode(formattest.Raw(good, text, good), b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if formattest.Row(b, 0) != goodRow || formattest.Row(b, 2) != goodRow {
		t.Errorf("%.100q: neighbours %s%s", text, formattest.Row(b, 0), formattest.Row(b, 2))
	}
	if len(rejects) > 1 || len(rejects) == 1 && (rejects[0].Row != 1 || rejects[0].Reason == "" || len(rejects[0].Reason) > 1000) {
		t.Errorf("%.100q: %v", text, rejects)
	}
	if nothing := strings.Repeat("NULL | ", 9) + "NULL\n"; len(rejects) == 1 && formattest.Row(b, 1) != nothing {
		t.Errorf("%.100q: rejected, but its row is %s", text, formattest.Row(b, 1))
	}
}

func TestColumns(t *testing.T) {
	for _, c := range []connectors.Column{{Name: "host", Type: event.TString}, {Name: "hostname", Type: event.TInt64}, {Name: "timestamp", Type: event.TString}} {
		if _, err := New([]connectors.Column{c}, Options{}); err == nil {
			t.Errorf("%s %s is taken", c.Name, c.Type)
		}
	}
}
