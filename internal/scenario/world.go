package scenario

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Event is a row of a table.
type Event struct {
	Table   string
	Time    time.Time // whole milliseconds
	Arrival time.Time
	Fields  []Field // the time among them
	Record  *string // the record as it is; nil: the fields
	Telling int     // of a story: equal for the events of one
}

// AppendJSON appends the event as its table reads it.
func (e *Event) AppendJSON(b []byte) []byte {
	if e.Record != nil {
		return append(b, *e.Record...)
	}
	return appendFields(b, e.Fields)
}

// World makes the events of a file.
type World struct {
	file     *File
	entities [][]entity
	tellers  []teller
	starts   queue[start]
	pending  queue[Event]
	seq      uint64
	tellings int
	end      time.Time // zero: none
	labels   []Label
	err      error
}

// entity is one that takes part, and until when it is in a story or rests after it.
type entity struct {
	value Value
	busy  time.Time
}

// teller is a story with its random stream.
type teller struct {
	*story
	rnd     *rand.Rand
	popular *rand.Zipf // nil: all entities alike
}

// start is when a story begins; of a story of every entity, with which.
type start struct {
	story, entity int
}

// New makes the entities of a file; another seed makes other events.
func New(f *File, seed uint64) (*World, error) {
	w := &World{file: f, entities: make([][]entity, len(f.kinds))}
	if f.Duration > 0 {
		w.end = f.Start.Add(f.Duration)
	}
	for i, k := range f.kinds {
		list, err := k.make(rand.New(rand.NewPCG(seed, hash("entity "+k.name))))
		if err != nil {
			return nil, err
		}
		w.entities[i] = list
	}
	for i, s := range f.stories {
		t := teller{story: s, rnd: rand.New(rand.NewPCG(seed, hash("story "+s.name)))}
		if s.zipf > 0 && len(s.parts) > 0 {
			t.popular = rand.NewZipf(t.rnd, s.zipf, 1, uint64(f.kinds[s.parts[0].kind].count-1))
		}
		w.tellers = append(w.tellers, t)
		w.schedule(i)
	}
	return w, nil
}

func (k *kindOf) make(rnd *rand.Rand) ([]entity, error) {
	list := make([]entity, k.count)
	for i := range list {
		s := &scene{rnd: rnd, vars: []Field{{"n", Value{kind: number, num: float64(i)}}}}
		v := Value{kind: text, text: k.name + "-" + strconv.Itoa(i)}
		switch {
		case k.naming != nil:
			v = k.naming(s)
		case k.first != nil:
			v = Value{kind: number, num: float64(*k.first + int64(i))}
		}
		v.fields = k.attributes.draw(s, nil)
		if s.err != nil {
			return nil, fmt.Errorf("entity %s: %w", k.name, s.err)
		}
		list[i].value = v
	}
	return list, nil
}

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// schedule plans the starts of a story, or the first of those that follow from
// one another.
func (w *World) schedule(i int) {
	t := &w.tellers[i]
	switch {
	case t.every > 0:
		for e := range w.entities[t.parts[0].kind] {
			w.at(w.file.Start.Add(time.Duration(t.rnd.Int64N(int64(t.every)))), start{i, e})
		}
	case t.count > 0:
		part := float64(w.last().Sub(w.file.Start)) / float64(t.count) // one in each
		for n := range t.count {
			at := w.file.Start.Add(time.Duration((float64(n) + t.rnd.Float64()) * part))
			w.at(t.only.moved(at, t.rnd), start{i, -1})
		}
	default:
		w.next(i, w.file.Start)
	}
}

// last is when stories stop to begin.
func (w *World) last() time.Time { return w.end.Add(-w.file.Tail) }

func (w *World) at(t time.Time, s start) {
	w.seq++
	w.starts.push(t, w.seq, s)
}

// next plans the start of a story with a rate, after one at now.
func (w *World) next(i int, now time.Time) {
	t := &w.tellers[i]
	at := now.Add(time.Duration(t.rnd.ExpFloat64() * float64(t.gap) / t.rhythm.at(now)))
	at = t.only.moved(at, t.rnd)
	if w.end.IsZero() || at.Before(w.last()) {
		w.at(at, start{i, -1})
	}
}

// only is the days, and the hours of these, in which a story begins.
type only struct {
	days     [7]bool
	from, to time.Duration // 0: at any time
}

// moved is t, or somewhere in the hours of the next day there is.
func (o *only) moved(t time.Time, rnd *rand.Rand) time.Time {
	if o.to == 0 {
		return t
	}
	day := t.Truncate(24 * time.Hour)
	if at := t.Sub(day); o.days[day.Weekday()] && at >= o.from && at < o.to {
		return t
	}
	if t.Sub(day) >= o.from {
		day = day.AddDate(0, 0, 1)
	}
	for !o.days[day.Weekday()] {
		day = day.AddDate(0, 0, 1)
	}
	return day.Add(o.from + time.Duration(rnd.Int64N(int64(o.to-o.from))))
}

// rhythm is a day's: more at the peak, less half a day away.
type rhythm struct{ peakHour, swing float64 }

// at is 1 on average over a day.
func (r rhythm) at(t time.Time) float64 {
	hour := float64(t.Unix()%86400) / 3600
	return max(0.001, 1+r.swing*math.Cos((hour-r.peakHour)/24*2*math.Pi))
}

// Next is the next event to arrive; at the end there is none.
func (w *World) Next() (e Event, ok bool, err error) {
	for w.err == nil && w.starts.len() > 0 && (w.pending.len() == 0 || w.pending.first().After(*w.starts.first())) {
		w.begin()
	}
	if w.err != nil || w.pending.len() == 0 {
		return Event{}, false, w.err
	}
	return w.pending.pop(), true, nil
}

// TakeLabels gives what has been planted since the last call; its events may
// not have arrived yet.
func (w *World) TakeLabels() []Label {
	l := w.labels
	w.labels = nil
	return l
}

// End is when the file's time ends; zero: never.
func (w *World) End() time.Time { return w.end }

// attempts is how often an entity is looked for that is not in a story.
const attempts = 16

// begin tells the story that starts next.
func (w *World) begin() {
	now := *w.starts.first()
	s := w.starts.pop()
	t := &w.tellers[s.story]
	if s.entity >= 0 {
		if at := now.Add(t.every); w.end.IsZero() || at.Before(w.end) {
			w.at(at, s)
		}
	} else if t.count == 0 {
		w.next(s.story, now)
	}
	if cast, ok := w.cast(t, s.entity, now); ok {
		w.tell(t, cast, now)
	}
}

// cast finds entities for the parts of a story.
func (w *World) cast(t *teller, given int, now time.Time) ([]int, bool) {
	cast := make([]int, 0, len(t.parts))
	for i, p := range t.parts {
		id := given
		if i > 0 || given < 0 {
			id = w.find(t, p.kind, cast, now)
		} else if !t.free(&w.entities[p.kind][id], now) {
			id = -1
		}
		if id < 0 {
			return nil, false
		}
		cast = append(cast, id)
	}
	return cast, true
}

func (t *teller) free(e *entity, now time.Time) bool {
	return t.shared || !e.busy.After(now.Add(-t.quiet))
}

func (w *World) find(t *teller, kind int, cast []int, now time.Time) int {
	list := w.entities[kind]
	for range attempts {
		id := 0
		if t.popular != nil && len(cast) == 0 {
			id = int(t.popular.Uint64())
		} else {
			id = t.rnd.IntN(len(list))
		}
		if t.free(&list[id], now) && !t.has(cast, kind, id) {
			return id
		}
	}
	if t.count == 0 {
		return -1
	}
	for id := range list { // as many as the file says
		if t.free(&list[id], now) && !t.has(cast, kind, id) {
			return id
		}
	}
	w.err = fmt.Errorf("story %q: at %s every entity %q is in another story: make more of them, or the stories shorter", t.name, now.Format(time.DateTime), w.file.kinds[kind].name)
	return -1
}

// has says whether an entity of the kind is in the cast already.
func (t *teller) has(cast []int, kind, id int) bool {
	for i, c := range cast {
		if c == id && t.parts[i].kind == kind {
			return true
		}
	}
	return false
}

// tell plays a story to its end: its events wait for their arrival.
func (w *World) tell(t *teller, cast []int, now time.Time) {
	s := &scene{rnd: t.rnd, time: now}
	for i, p := range t.parts {
		s.vars = append(s.vars, Field{p.name, w.entities[p.kind][cast[i]].value})
	}
	for _, l := range t.let {
		s.vars = append(s.vars, Field{l.name, l.expr(s)})
	}
	w.tellings++
	run := script{World: w, teller: t, scene: s, began: now, first: now, last: now}
	label := t.label(w.file, s)
	run.play(t.steps)
	if s.err != nil && w.err == nil {
		w.err = fmt.Errorf("story %q: %w", t.name, s.err)
	}
	if !t.shared {
		for i, p := range t.parts {
			w.entities[p.kind][cast[i]].busy = s.time.Add(t.quiet)
		}
	}
	for _, l := range label {
		l.From, l.To, l.Telling = run.first, run.last, w.tellings
		w.labels = append(w.labels, l)
	}
}

// script is a story being played.
type script struct {
	*World
	*teller
	*scene
	began, first, last time.Time
	events             int
}

func (r *script) play(steps []step) {
	for i := range steps {
		if r.scene.err != nil || r.World.err != nil {
			return
		}
		r.step(&steps[i])
	}
}

func (r *script) step(p *step) {
	if p.chance < 1 && r.teller.rnd.Float64() >= p.chance {
		return
	}
	if p.repeat == nil {
		r.once(p)
		return
	}
	n := p.repeat(r.scene)
	if n.num > maxRepeat {
		r.fail("a step is repeated %.0f times, more than %d", n.num, maxRepeat)
		return
	}
	depth := len(r.vars)
	for i := 0; i < int(n.num) && r.scene.err == nil; i++ {
		r.vars = append(r.vars[:depth], Field{"i", Value{kind: number, num: float64(i)}})
		r.once(p)
	}
	r.vars = r.vars[:depth]
}

func (r *script) once(p *step) {
	if p.after != nil {
		r.time = r.time.Add(seconds(p.after(r.scene)))
	}
	if p.at != nil {
		r.time = r.began.Add(seconds(p.at(r.scene)))
	}
	for _, l := range p.let {
		r.vars = append(r.vars, Field{l.name, l.expr(r.scene)})
	}
	if p.table != "" {
		r.emit(p)
	}
	r.play(p.steps)
}

// emit makes the event of a step.
func (r *script) emit(p *step) {
	e := Event{Table: p.table, Time: r.time.Truncate(time.Millisecond), Telling: r.tellings}
	if r.events == 0 {
		r.first = e.Time
	}
	r.events++
	r.last = e.Time
	if p.record != nil {
		v := p.record(r.scene)
		s := string(v.AppendText(nil))
		e.Record = &s
	} else {
		e.Fields = append(make([]Field, 0, 1+len(r.set)+len(p.set)), Field{r.file.TimeColumn(p.table), ofTime(e.Time)})
		e.Fields = p.set.draw(r.scene, r.set.draw(r.scene, e.Fields))
	}
	d := r.file.delay
	e.Arrival = e.Time.Add(d[0] + time.Duration(r.teller.rnd.Int64N(int64(d[1]-d[0])+1)))
	r.seq++
	r.pending.push(e.Arrival, r.seq, e)
	if r.pending.len() > maxOpen {
		r.fail("more than %d events wait for their time: make the stories shorter or fewer", maxOpen)
	}
}

// queue is a heap by time, then by number.
type queue[T any] struct{ list heapOf[T] }

type heapOf[T any] []queued[T]

type queued[T any] struct {
	at   time.Time
	seq  uint64
	item T
}

func (q *queue[T]) len() int { return len(q.list) }

func (q *queue[T]) push(at time.Time, seq uint64, item T) {
	heap.Push(&q.list, queued[T]{at, seq, item})
}

func (q *queue[T]) first() *time.Time { return &q.list[0].at }

func (q *queue[T]) pop() T { return heap.Pop(&q.list).(queued[T]).item }

func (h heapOf[T]) Len() int      { return len(h) }
func (h heapOf[T]) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h heapOf[T]) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].seq < h[j].seq
}
func (h *heapOf[T]) Push(x any) { *h = append(*h, x.(queued[T])) }
func (h *heapOf[T]) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
