package kafka_test

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	segment "github.com/segmentio/kafka-go"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/kafka"
)

const testState = 1_767_225_600_000_000

// exactly is a sink that delivers exactly once, recovered.
func exactly(t testing.TB, bootstrap, topic, query string, options ...string) connectors.Transactional {
	t.Helper()
	s := exactlyClosed(t, bootstrap, topic, query, options...)
	if err := s.Open(testContext(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func exactlyClosed(t testing.TB, bootstrap, topic, query string, options ...string) connectors.Transactional {
	t.Helper()
	tab := table(bootstrap, topic, append([]string{"sink.delivery-guarantee", "exactly-once"}, options...)...)
	tab.Columns, tab.Query, tab.Name = sinkColumns, topic+query, "out"
	s, err := kafka.New(newLines).Sink(tab)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(connectors.Transactional)
}

func recovered(t testing.TB, s connectors.Transactional) (connectors.Mark, bool) {
	t.Helper()
	m, found, err := s.Recover(testContext(t), testState)
	if err != nil {
		t.Fatal(err)
	}
	return m, found
}

func mark(rows int) connectors.Mark {
	return connectors.Mark{State: testState, Rows: uint64(rows)}
}

// deliver writes rows in one transaction.
func deliver(t testing.TB, s connectors.Transactional, from, to int) {
	t.Helper()
	writeRows(t, s, from, to)
	if err := s.Commit(testContext(t), mark(to), nil); err != nil {
		t.Fatal(err)
	}
}

// committed are the values read at read_committed, sorted by their number.
func committed(t testing.TB, bootstrap, topic string, partitions int) []string {
	t.Helper()
	awaitMarkers(t, bootstrap)
	return slices.Sorted(slices.Values(slices.Concat(readAll(t, bootstrap, topic, partitions)...)))
}

func wantCommitted(t testing.TB, bootstrap, topic string, partitions, n int) {
	t.Helper()
	want := slices.Sorted(slices.Values(wantRows(0, n, func(int) bool { return true })))
	if got := committed(t, bootstrap, topic, partitions); !slices.Equal(got, want) {
		t.Errorf("%d records are committed, want %d, each once", len(got), n)
	}
}

func TestTransactionsCommitRowsAndMark(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 3)
		for _, codec := range []string{"none", "zstd"} {
			s := exactly(t, b.bootstrap, topic, codec, "properties.compression.type", codec)
			if m, found := recovered(t, s); found {
				t.Fatalf("a new identity has the mark %+v", m)
			}
		}
		s := exactly(t, b.bootstrap, topic, "none")
		recovered(t, s)
		deliver(t, s, 0, 100)
		deliver(t, s, 100, 2500)
		writeRows(t, s, 2500, 3000) // and no commit
		wantCommitted(t, b.bootstrap, topic, 3, 2500)
		if err := s.Close(); err != nil { // aborts it
			t.Error(err)
		}
		if open, err := newAdmin(t, b.bootstrap).List(testContext(t), "Ongoing"); err != nil || slices.ContainsFunc(open, func(x kafka.Transaction) bool { return x.ID == s.Identity() }) {
			t.Errorf("left open: %+v, %v", open, err)
		}
		again := exactly(t, b.bootstrap, topic, "none")
		if m, found := recovered(t, again); !found || m != mark(2500) {
			t.Errorf("the mark is %+v, %v", m, found)
		}
		deliver(t, again, 2500, 3000)
		wantCommitted(t, b.bootstrap, topic, 3, 3000)
	})
}

// A second writer takes over: the first can do nothing any more, whatever it
// is doing. The embedded broker does not tell the two epochs apart.
func TestFencing(t *testing.T) {
	forReal(t, func(t *testing.T, b target) {
		for name, act := range map[string]func(s connectors.Transactional) error{
			"write": func(s connectors.Transactional) error {
				return errors.Join(s.Write(testContext(t), rows(0, 10)), s.Flush(testContext(t)))
			},
			"commit":   func(s connectors.Transactional) error { return s.Commit(testContext(t), mark(1), nil) },
			"recovery": func(connectors.Transactional) error { return connectors.ErrInDoubt },
		} {
			topic := b.topic(t, 1)
			old, young := exactly(t, b.bootstrap, topic, ""), exactly(t, b.bootstrap, topic, "")
			recovered(t, old)
			writeRows(t, old, 50, 60)
			recovered(t, young)
			deliver(t, young, 0, 5)
			if err := act(old); !errors.Is(err, connectors.ErrInDoubt) {
				t.Errorf("%s: error %v", name, err)
			}
			if _, _, err := old.Recover(testContext(t), testState); !errors.Is(err, connectors.ErrFenced) {
				t.Errorf("%s: recovery of who has been fenced: %v", name, err)
			}
			deliver(t, young, 5, 10)
			wantCommitted(t, b.bootstrap, topic, 1, 10)
		}
	})
}

// Who takes over and leaves no mark, such as a process that was killed while it
// asked for that, or an abort by hand, is no reason to stop.
func TestStrayTakeOver(t *testing.T) {
	forReal(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		s := exactly(t, b.bootstrap, topic, "")
		recovered(t, s)
		for i := range 2 { // before the first mark, and behind it
			writeRows(t, s, 5*i, 5*i+5)
			if err := newAdmin(t, b.bootstrap).Abort(testContext(t), s.Identity()); err != nil {
				t.Fatal(err)
			}
			if err := s.Commit(testContext(t), mark(5*i+5), nil); !errors.Is(err, connectors.ErrInDoubt) {
				t.Errorf("error %v", err)
			}
			if m, found := recovered(t, s); found != (i > 0) || int(m.Rows) != 5*i {
				t.Errorf("mark %+v, %v", m, found)
			}
			deliver(t, s, 5*i, 5*i+5)
		}
		wantCommitted(t, b.bootstrap, topic, 1, 10)
	})
}

// The broker aborts a transaction that has taken too long. That is no reason to
// stop: nobody else has come.
func TestTransactionTimeout(t *testing.T) {
	if testing.Short() {
		t.Skip("brokers look for transactions that are too old every ten seconds")
	}
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		s := exactly(t, b.bootstrap, topic, "", "properties.transaction.timeout.ms", "1000")
		recovered(t, s)
		deliver(t, s, 0, 5)
		writeRows(t, s, 5, 10)
		awaitAbort(t, b.bootstrap, s.Identity())
		err := s.Commit(testContext(t), mark(10), nil)
		if !errors.Is(err, connectors.ErrInDoubt) {
			t.Fatalf("commit after the time-out: %v", err)
		}
		if m, found := recovered(t, s); !found || m != mark(5) {
			t.Fatalf("mark %+v, %v", m, found)
		}
		deliver(t, s, 5, 10)
		wantCommitted(t, b.bootstrap, topic, 1, 10)
	})
}

func awaitAbort(t *testing.T, bootstrap, id string) {
	t.Helper()
	a := newAdmin(t, bootstrap)
	eventually(t, func() error {
		d, err := a.Describe(testContext(t), id)
		if err == nil && d.State != "CompleteAbort" && d.State != "Empty" {
			err = segment.ConcurrentTransactions
		}
		return err
	})
}

// awaitMarkers waits until the brokers are done with transactions that have
// ended: a coordinator answers before it has told the partitions.
func awaitMarkers(t testing.TB, bootstrap string) {
	t.Helper()
	a := newAdmin(t, bootstrap)
	eventually(t, func() error {
		for _, state := range []string{"PrepareCommit", "PrepareAbort"} {
			if ending, err := a.List(testContext(t), state); err != nil || len(ending) > 0 {
				return cmp.Or[error](err, segment.ConcurrentTransactions)
			}
		}
		return nil
	})
}

func newAdmin(t testing.TB, bootstrap string) *kafka.Admin {
	t.Helper()
	a, err := kafka.NewAdmin(map[string]string{"properties.bootstrap.servers": bootstrap}, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// A mark that another state has left is refused before anybody is fenced.
func TestMarkOfAnotherState(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		owner, stranger := exactly(t, b.bootstrap, topic, ""), exactly(t, b.bootstrap, topic, "")
		recovered(t, owner)
		deliver(t, owner, 0, 3)
		_, _, err := stranger.Recover(testContext(t), testState+1)
		if err == nil || !strings.Contains(err.Error(), "3 rows were delivered") || !strings.Contains(err.Error(), "cepd txn forget "+owner.Identity()) {
			t.Errorf("error %v", err)
		}
		deliver(t, owner, 3, 6) // not fenced
		if err := owner.Close(); err != nil {
			t.Error(err)
		}
		if err := owner.Forget(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if m, found, err := stranger.Recover(testContext(t), testState+1); found || err != nil {
			t.Errorf("after Forget: %+v, %v, %v", m, found, err)
		}
		wantCommitted(t, b.bootstrap, topic, 1, 6)
	})
}

// Sources with a group on the same brokers have their offsets committed with
// the rows; they are not there when the transaction is not.
func TestTransactionsCarryOffsets(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		in, out := b.topic(t, 2), b.topic(t, 1)
		writeRows(t, openSink(t, b.bootstrap, in, "key.fields", "user"), 0, 50)
		source := openSource(t, table(b.bootstrap, in, "properties.group.id", in+"-group"))
		s := exactly(t, b.bootstrap, out, "")
		recovered(t, s)
		for _, other := range []connectors.Source{openSource(t, table(b.bootstrap, in)), openSource(t, table("elsewhere:1", in, "properties.group.id", "g"))} {
			if s.Carries(other) {
				t.Error("carries the offsets of a source without group, or of other brokers")
			}
		}
		writeRows(t, s, 0, 10)
		read := []connectors.Progress{{Source: source, Offsets: map[int32]int64{0: 7, 1: 9}}}
		if !s.Carries(source) {
			t.Error("does not carry the source")
		}
		if err := s.Commit(testContext(t), mark(10), read); err != nil {
			t.Fatal(err)
		}
		for part, want := range map[int32]int64{0: 7, 1: 9} {
			if got := openPartition(t, openSource(t, table(b.bootstrap, in, "properties.group.id", in+"-group")), part, connectors.Start).r.Position(); got != want {
				t.Errorf("partition %d begins at %d, want %d", part, got, want)
			}
		}
	})
}

func TestAdmin(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		a := newAdmin(t, b.bootstrap)
		s := exactly(t, b.bootstrap, topic, "")
		recovered(t, s)
		writeRows(t, s, 0, 10)
		d, err := a.Describe(testContext(t), s.Identity())
		if err != nil || d.State != "Ongoing" || d.TimeoutMillis != 60000 || len(d.Partitions) != 1 || d.Partitions[0] != (kafka.TopicPartition{Topic: topic}) || time.Since(d.Started) > time.Hour {
			t.Errorf("%+v, %v", d, err)
		}
		list, err := a.List(testContext(t), "Ongoing")
		if err != nil || !slices.ContainsFunc(list, func(x kafka.Transaction) bool { return x.ID == s.Identity() && x.ProducerID == d.ProducerID }) {
			t.Errorf("%+v, %v", list, err)
		}
		writers, err := a.Writers(testContext(t), kafka.TopicPartition{Topic: topic})
		if err != nil || len(writers) != 1 || writers[0].ProducerID != d.ProducerID || writers[0].Open != 0 {
			t.Errorf("%+v, %v", writers, err)
		}
		if err := a.Abort(testContext(t), s.Identity()); err != nil {
			t.Fatal(err)
		}
		awaitAbort(t, b.bootstrap, s.Identity())
		if err := s.Commit(testContext(t), mark(10), nil); !errors.Is(err, connectors.ErrInDoubt) {
			t.Errorf("commit of what was aborted: %v", err)
		}
		wantCommitted(t, b.bootstrap, topic, 1, 0)
		if err := a.AbortWriter(testContext(t), kafka.TopicPartition{Topic: topic}, d.ProducerID); err == nil || !strings.Contains(err.Error(), "no open transaction") {
			t.Errorf("abort of a closed transaction: %v", err)
		}
		if _, err := a.Describe(testContext(t), "nobody"); err == nil {
			t.Error("there is no transactional id nobody")
		}
		if err := a.Abort(testContext(t), "nobody"); err == nil {
			t.Error("an unknown id was made")
		}
	})
}

// A marker ends a transaction in one partition, without its coordinator.
func TestAbortWriter(t *testing.T) {
	forEachBroker(t, func(t *testing.T, b target) {
		topic := b.topic(t, 1)
		a := newAdmin(t, b.bootstrap)
		s := exactly(t, b.bootstrap, topic, "")
		recovered(t, s)
		writeRows(t, s, 0, 10)
		writeRows(t, openSink(t, b.bootstrap, topic), 10, 20)
		d, err := a.Describe(testContext(t), s.Identity())
		if err != nil {
			t.Fatal(err)
		}
		if got := committed(t, b.bootstrap, topic, 1); len(got) > 0 {
			t.Errorf("%d records before an open transaction ends", len(got))
		}
		if err := a.AbortWriter(testContext(t), kafka.TopicPartition{Topic: topic}, d.ProducerID); err != nil {
			t.Fatal(err)
		}
		if got := committed(t, b.bootstrap, topic, 1); len(got) != 10 {
			t.Errorf("%d records after it, want the 10 of the other writer", len(got))
		}
	})
}
