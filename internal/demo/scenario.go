package demo

import "time"

var countries = []string{"US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "BR", "MX", "IN", "JP"}

type merchant struct{ name, kind string }

var merchants = []merchant{
	{"Corner Bakery", "food"}, {"Daily Market", "food"}, {"Noodle House", "food"}, {"Green Grocer", "food"},
	{"City Transit", "travel"}, {"North Rail", "travel"}, {"Harbour Hotel", "travel"},
	{"Page & Quill", "retail"}, {"Lamp Post Homeware", "retail"}, {"Thread Count", "retail"},
	{"Fuel Stop", "fuel"}, {"Apothecary", "health"}, {"Film Club", "online"}, {"Cloud Locker", "online"},
}

var (
	probeShop = merchant{"Penny Donations", "online"}
	largeShop = merchant{"Electro World", "online"}
)

// scenario writes what happens to a card, starting at t; the answer says
// whether it is a fraud that must be found.
type scenario struct {
	name  string
	fraud bool
	play  func(s *script)
}

// script is a scenario under way.
type script struct {
	w       *World
	card    int
	country string
	t       time.Time
	first   time.Time
	probes  int
	last    time.Time
}

// The scenarios are equally frequent. One is the fraud; each of the others
// lacks one thing that the pattern asks for.
var scenarios = []scenario{
	{"card testing", true, func(s *script) {
		s.probe(3 + s.w.rnd.IntN(4))
		s.large(largeMin, 200_000)
	}},
	{"probes only", false, func(s *script) { s.probe(3 + s.w.rnd.IntN(4)) }},
	{"large purchase too late", false, func(s *script) {
		s.probe(3)
		s.t = s.first.Add(10 * time.Minute)
		s.large(largeMin, 200_000)
	}},
	{"two probes", false, func(s *script) {
		s.probe(2)
		s.large(largeMin, 200_000)
	}},
	{"ordinary purchase in between", false, func(s *script) {
		s.probe(3)
		s.wait()
		s.pay(2_000+s.w.rnd.Int64N(3_000), merchants[0])
		s.large(largeMin, 200_000)
	}},
	{"not large enough", false, func(s *script) {
		s.probe(3)
		s.large(30_000, largeMin)
	}},
}

// stage starts a scenario on a free card.
func (w *World) stage() {
	id := w.free(w.now.Add(-quiet))
	if id < 0 {
		return
	}
	sc := &scenarios[w.rnd.IntN(len(scenarios))]
	s := &script{w: w, card: id, country: countries[w.rnd.IntN(len(countries))], t: w.now}
	sc.play(s)
	w.cards[id].busy = s.t.Add(quiet)
	if sc.fraud {
		w.planted = append(w.planted, Plant{Card: cardNumber(id), Probes: s.probes, First: s.first, Last: s.last})
	}
}

// wait lets up to 70 s pass: seven steps stay below ten minutes.
func (s *script) wait() {
	s.t = s.t.Add(5*time.Second + time.Duration(s.w.rnd.Int64N(int64(65*time.Second))))
}

func (s *script) probe(n int) {
	for range n {
		s.wait()
		s.pay(50+s.w.rnd.Int64N(probeMax-50), probeShop)
		if s.probes == 0 {
			s.first = s.last
		}
		s.probes++
	}
}

func (s *script) large(from, to int64) {
	s.wait()
	s.pay(from+s.w.rnd.Int64N(to-from), largeShop)
}

func (s *script) pay(cents int64, m merchant) {
	p := s.w.payment(s.card, cents, s.country, m.name, m.kind, s.t)
	s.last = p.Time
	s.w.arrive(p)
}
