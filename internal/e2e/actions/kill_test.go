package actions

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cepd/cepd/internal/cepdtest"
)

const calling = `CREATE TABLE orders (n BIGINT) WITH ('connector' = 'http', 'format' = 'json');
CREATE TABLE hook (n BIGINT) WITH ('connector' = 'http', 'url' = '%s/{n}', 'format' = 'json', 'sink.error-policy' = 'block', 'sink.circuit-breaker.failures' = '0',
  'sink.retry-strategy.exponential-delay.initial-backoff' = '5 ms', 'sink.retry-strategy.exponential-delay.max-backoff' = '20 ms');
INSERT INTO hook SELECT n FROM orders WHERE n >= 0;`

// TestKill kills the server while it calls a service that fails at times: each
// detection is delivered, and all deliveries of it have one key, which no other has.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of a server process; not with -short")
	}
	const seed, orders, kills = 7, 150, 2
	rng := rand.New(rand.NewPCG(seed, seed))
	web := newService(t, func() bool { return rng.IntN(4) == 0 })
	s := newServer(t)
	s.submit(fmt.Sprintf(calling, web.url))
	distinct := func() map[string]string { // keys by body
		keys := map[string]string{}
		for _, x := range web.taken() {
			if before, known := keys[x.body]; known && before != x.key {
				t.Errorf("%s came under the keys %s and %s", x.body, before, x.key)
			}
			keys[x.body] = x.key
		}
		return keys
	}
	for kill := range kills {
		var some []string
		for i := range orders / kills {
			some = append(some, fmt.Sprintf(`{"n":%d}`, kill*orders/kills+i))
		}
		s.post("orders", fmt.Sprint(kill), "["+strings.Join(some, ",")+"]")
		before := len(web.taken())
		s.post("orders", fmt.Sprintf("%d-", kill), fmt.Sprintf(`{"n":%d}`, orders+kill))
		cepdtest.Await(t, func() bool { return len(web.taken()) > before })
		s.kill()
		s.start()
	}
	cepdtest.Await(t, func() bool { return len(distinct()) == orders+kills })
	owners := map[string]string{}
	for body, key := range distinct() {
		if other, taken := owners[key]; taken || len(key) != 32 {
			t.Errorf("key %q is of %s and %s", key, body, other)
		}
		owners[key] = body
	}
	t.Logf("%d deliveries of %d detections", len(web.taken()), orders+kills)
}
