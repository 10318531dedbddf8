package demo

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"
)

// Payment is one card payment. Its JSON form is a row of the payments table.
type Payment struct {
	Card     int64
	Cents    int64
	Country  string
	Merchant string
	Kind     string
	Time     time.Time // event time, whole milliseconds
}

// Plant is a fraud that the world has put into the stream; Last is the time of
// its large purchase, with Card its identity.
type Plant struct {
	Card        int64
	Probes      int
	First, Last time.Time
}

// The facts of the world. A card rests quiet before and after a scenario and
// between two ordinary purchases, so that ordinary life never makes the
// pattern of examples/fraud: four rows of it are at least 12 minutes apart.
const (
	quiet     = 15 * time.Minute
	between   = 4 * time.Minute
	maxDelay  = 4 * time.Second // arrival after the payment; below the watermark's 5 s
	probeMax  = 999             // cents: S.amount < 10
	largeMin  = 50_001          // cents: B.amount > 500
	attempts  = 16              // to find a card that is free
	dayNight  = 0.6             // amplitude of the day's rhythm
	peakHour  = 15.0            // UTC
	foreignIn = 50              // one ordinary purchase in so many is abroad
)

// Config shapes a World.
type Config struct {
	Seed     uint64
	Cards    int
	Start    time.Time
	PerHour  float64       // ordinary payments per hour of world time, on average
	PlantGap time.Duration // world time between two frauds, on average
}

// Paced is a world that plays at a rate of events per second of the wall clock.
func Paced(seed uint64, rate int) Config {
	return Config{Seed: seed, Cards: max(10_000, 5*rate), Start: worldStart, PerHour: float64(rate) * 3600 / speed, PlantGap: 10 * time.Minute}
}

var worldStart = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

type card struct {
	mean    float64 // of the logarithm of ordinary amounts, in cents
	home    uint8
	busy    time.Time // no ordinary purchase and no scenario before
	favours [3]uint8  // merchants
}

// World makes payments in order of arrival, which is up to 4 s off the order of
// their times.
type World struct {
	cfg     Config
	rnd     *rand.Rand
	cards   []card
	now     time.Time // of ordinary life
	scene   time.Time // when the next scenario starts
	pending arrivals
	seq     uint64
	planted []Plant
	calm    bool
}

// NewWorld makes the cards; the first payment is near cfg.Start.
func NewWorld(cfg Config) *World {
	w := &World{cfg: cfg, rnd: rand.New(rand.NewPCG(cfg.Seed, 0)), now: cfg.Start, scene: cfg.Start.Add(time.Minute)}
	w.cards = make([]card, cfg.Cards)
	for i := range w.cards {
		w.cards[i] = w.newCard()
	}
	return w
}

func (w *World) newCard() card {
	c := card{mean: math.Log(2500) + w.rnd.NormFloat64()*0.5, home: uint8(w.rnd.IntN(len(countries)))}
	for i := range c.favours {
		c.favours[i] = uint8(w.rnd.IntN(len(merchants)))
	}
	return c
}

// Next is the next payment to arrive.
func (w *World) Next() Payment {
	for len(w.pending) == 0 || w.pending[0].at.After(w.now) {
		w.live()
	}
	return heap.Pop(&w.pending).(arrival).Payment
}

// Now is the world's time.
func (w *World) Now() time.Time { return w.now }

// Calm starts no further scenario; those that run go on to their end.
func (w *World) Calm() { w.calm = true }

// TakePlanted gives the frauds whose payments have all been scheduled since the
// last call.
func (w *World) TakePlanted() []Plant {
	p := w.planted
	w.planted = nil
	return p
}

// live moves the world to the next ordinary purchase.
func (w *World) live() {
	perSecond := w.cfg.PerHour / 3600 * rhythm(w.now)
	w.now = w.now.Add(time.Duration(w.rnd.ExpFloat64() / perSecond * float64(time.Second)))
	if !w.calm && w.now.After(w.scene) {
		w.stage()
		w.scene = w.now.Add(time.Duration(w.rnd.ExpFloat64() * float64(w.cfg.PlantGap) / float64(len(scenarios))))
	}
	if id := w.free(w.now); id >= 0 {
		w.cards[id].busy = w.now.Add(between)
		w.arrive(w.ordinary(id, w.now))
	}
}

// rhythm is 1 on average over a day.
func rhythm(t time.Time) float64 {
	hour := float64(t.Unix()%86400) / 3600
	return 1 + dayNight*math.Cos((hour-peakHour)/24*2*math.Pi)
}

func (w *World) free(t time.Time) int {
	for range attempts {
		if id := w.rnd.IntN(len(w.cards)); !w.cards[id].busy.After(t) {
			return id
		}
	}
	return -1
}

func (w *World) ordinary(id int, t time.Time) Payment {
	c := &w.cards[id]
	m := merchants[c.favours[w.rnd.IntN(len(c.favours))]]
	country := countries[c.home]
	if w.rnd.IntN(foreignIn) == 0 {
		country = countries[w.rnd.IntN(len(countries))]
	}
	cents := int64(math.Exp(c.mean+w.rnd.NormFloat64()*0.8)) + 50
	return w.payment(id, cents, country, m.name, m.kind, t)
}

func (w *World) payment(id int, cents int64, country, merchant, kind string, t time.Time) Payment {
	return Payment{Card: cardNumber(id), Cents: cents, Country: country, Merchant: merchant, Kind: kind, Time: t.Truncate(time.Millisecond)}
}

func (w *World) arrive(p Payment) {
	w.seq++
	delay := time.Duration(w.rnd.Int64N(int64(maxDelay)))
	heap.Push(&w.pending, arrival{Payment: p, at: p.Time.Add(delay), seq: w.seq})
}

// cardNumber and cardIndex map cards to the numbers the user sees.
func cardNumber(id int) int64  { return 4_000_000 + int64(id) }
func cardIndex(card int64) int { return int(card - 4_000_000) }

// arrivals is a heap by time of arrival.
type arrivals []arrival

type arrival struct {
	Payment
	at  time.Time
	seq uint64
}

func (a arrivals) Len() int      { return len(a) }
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a arrivals) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].seq < a[j].seq
}
func (a *arrivals) Push(x any) { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	*a = (*a)[:last]
	return x
}
