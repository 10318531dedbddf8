package schemaregistry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"go.uber.org/goleak"

	"github.com/cepd/cepd/internal/schemaregistry"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, c schemaregistry.Config) *schemaregistry.Client {
	t.Helper()
	client, err := schemaregistry.New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestSchemasAreKept(t *testing.T) {
	r := registrytest.New(t)
	id := r.Add("s", sr.Schema{Schema: `"long"`})
	c := client(t, schemaregistry.Config{URLs: []string{r.URL}})
	for range 3 {
		s, err := c.ByID(t.Context(), id)
		if err != nil || s.Text != `"long"` || s.Kind != schemaregistry.Avro {
			t.Fatal(s, err)
		}
		if _, err := c.ByID(t.Context(), 77); !errors.Is(err, schemaregistry.ErrUnknown) {
			t.Fatal(err)
		}
	}
	if n := r.Calls.Load(); n != 2 {
		t.Errorf("%d calls for 3 × 2 questions", n)
	}
}

func TestReferencesComeBeforeTheirUsers(t *testing.T) {
	r := registrytest.New(t)
	r.Add("a", sr.Schema{Schema: "a"})
	r.Add("b", sr.Schema{Schema: "b", References: []sr.SchemaReference{{Name: "A", Subject: "a", Version: 1}}})
	id := r.Add("c", sr.Schema{Schema: "c", Type: sr.TypeProtobuf, References: []sr.SchemaReference{{Name: "B", Subject: "b", Version: 1}, {Name: "A", Subject: "a", Version: 1}}})
	s, err := client(t, schemaregistry.Config{URLs: []string{r.URL}}).ByID(t.Context(), id)
	if err != nil || len(s.References) != 2 || s.References[0].Name != "A" || s.References[1].Text != "b" || s.Kind != schemaregistry.Protobuf {
		t.Fatal(s, err)
	}
}

// TestWaitsForRegistry has the registry fail until three calls were made.
func TestWaitsForRegistry(t *testing.T) {
	r := registrytest.New(t)
	r.Failing.Store(503)
	c := client(t, schemaregistry.Config{URLs: []string{r.URL}})
	registered := make(chan error, 1)
	go func() {
		_, err := c.Register(t.Context(), "s-value", schemaregistry.Avro, `"int"`)
		registered <- err
	}()
	for r.Calls.Load() < 3 {
		select {
		case err := <-registered:
			t.Fatal("did not wait:", err)
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		default:
		}
	}
	r.Failing.Store(0)
	if err := <-registered; err != nil {
		t.Fatal(err)
	}
	if v := r.Versions("s-value"); len(v) != 1 || v[0].Schema != `"int"` {
		t.Error(v)
	}
}

func TestGivesUpWithItsCaller(t *testing.T) {
	c := client(t, schemaregistry.Config{URLs: []string{"http://127.0.0.1:1"}})
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if _, err := c.ByID(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestCredentials(t *testing.T) {
	r := registrytest.New(t)
	r.Auth = "Basic dTpw"
	id := r.Add("s", sr.Schema{Schema: `"long"`})
	if _, err := client(t, schemaregistry.Config{URLs: []string{r.URL}, User: "u", Password: "p"}).ByID(t.Context(), id); err != nil {
		t.Error(err)
	}
	_, err := client(t, schemaregistry.Config{URLs: []string{r.URL}, User: "u", Password: "secret"}).ByID(t.Context(), id)
	if err == nil || !strings.Contains(err.Error(), "unauthorized") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
	r.Auth = "Bearer t"
	if _, err := client(t, schemaregistry.Config{URLs: []string{r.URL}, Token: "t"}).ByID(t.Context(), id); err != nil {
		t.Error(err)
	}
}
