package rises

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Reader collects the rises that are committed in a topic, in the background.
type Reader struct {
	client *kgo.Client
	done   chan struct{}

	mu      sync.Mutex
	seen    map[Rise]int
	ids     map[string]Rise
	total   int
	err     error
	last    time.Time // when something came
	silence time.Duration
	news    chan struct{} // closed when something came
}

// NewReader reads a topic from its start; Close it.
func NewReader(bootstrap, topic string) (*Reader, error) {
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	r := &Reader{client: c, done: make(chan struct{}), seen: map[Rise]int{}, ids: map[string]Rise{}, last: time.Now(), news: make(chan struct{})}
	go r.run()
	return r, nil
}

// Close ends the reader.
func (r *Reader) Close() {
	r.client.Close()
	<-r.done
}

func (r *Reader) run() {
	defer close(r.done)
	for {
		fetches := r.client.PollFetches(context.Background())
		if fetches.IsClientClosed() {
			return
		}
		if !fetches.Empty() {
			r.take(fetches.Records())
		}
	}
}

func (r *Reader) take(records []*kgo.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range records {
		r.collect(rec)
	}
	now := time.Now()
	r.silence = max(r.silence, now.Sub(r.last))
	r.last = now
	close(r.news)
	r.news = make(chan struct{})
}

// collect also checks that an id stands for one rise.
func (r *Reader) collect(rec *kgo.Record) {
	var x Rise
	if err := json.Unmarshal(rec.Value, &x); err != nil {
		r.err = fmt.Errorf("record %q: %w", rec.Value, err)
		return
	}
	r.seen[x]++
	r.total++
	id := ""
	for _, h := range rec.Headers {
		if h.Key == "cepd-id" {
			id = string(h.Value)
		}
	}
	if other, ok := r.ids[id]; ok && other != x {
		r.err = fmt.Errorf("the id %q stands for %v and %v", id, other, x)
	}
	r.ids[id] = x
}

// Total is the number of records so far.
func (r *Reader) Total() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// Distinct is the number of different rises so far.
func (r *Reader) Distinct() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

// Silence is the longest time without a record since it was asked last.
func (r *Reader) Silence() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	longest := r.silence
	r.silence = 0
	return longest
}

// Until waits until n different rises have been seen, or the context ends.
func (r *Reader) Until(ctx context.Context, n int) error {
	for {
		r.mu.Lock()
		seen, news := len(r.seen), r.news
		r.mu.Unlock()
		if seen >= n {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d rises: %w", seen, n, ctx.Err())
		}
	}
}

// When waits until what has been read is so, and gives the last that it was not
// otherwise. Seen is how often each rise has come.
func (r *Reader) When(ctx context.Context, so func(seen map[Rise]int) error) error {
	for {
		r.mu.Lock()
		seen, news, err := maps.Clone(r.seen), r.news, r.err
		r.mu.Unlock()
		if err != nil {
			return err
		}
		if err = so(seen); err == nil {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return err
		}
	}
}

// Quiet waits until nothing has come for a while.
func (r *Reader) Quiet(while time.Duration) {
	for {
		r.mu.Lock()
		news := r.news
		r.mu.Unlock()
		select {
		case <-news:
		case <-time.After(while):
			return
		}
	}
}

// Verdict is how what was read differs from what there is to find; "" when it does not.
type Verdict struct {
	Wanted, Repeated int // rises that are there; records that came again
	Difference       string
}

// Compare says how the records differ from the rises of the world. Once: each
// rise has one record. Otherwise it may have several, which have one id.
func (r *Reader) Compare(w *World, once bool) Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	v := Verdict{Wanted: len(w.want), Repeated: r.total - len(r.seen)}
	var missing, twice, wrong []string
	for x := range w.want {
		if r.seen[x] == 0 {
			missing = append(missing, fmt.Sprint(x))
		}
	}
	for x, n := range r.seen {
		switch {
		case !w.want[x]:
			wrong = append(wrong, fmt.Sprint(x))
		case n > 1 && once:
			twice = append(twice, fmt.Sprintf("%v ×%d", x, n))
		}
	}
	switch {
	case r.err != nil:
		v.Difference = r.err.Error()
	case len(r.ids) != len(r.seen):
		v.Difference = fmt.Sprintf("%d ids for %d rises", len(r.ids), len(r.seen))
	}
	if len(missing)+len(twice)+len(wrong) > 0 {
		v.Difference = fmt.Sprintf("of %d: missing %s; more than once %s; wrong %s", v.Wanted, some(missing), some(twice), some(wrong))
	}
	return v
}

func some(list []string) string {
	slices.Sort(list)
	return fmt.Sprintf("%d [%s]", len(list), strings.Join(list[:min(len(list), 5)], ", "))
}
