package schemaregistry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/internal/schemaregistry"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

// TestRegistryRefuses has the registry say no, for several reasons: each is final,
// and is told.
func TestRegistryRefuses(t *testing.T) {
	r := registrytest.New(t)
	r.Add("s-value", sr.Schema{Schema: `"long"`})
	r.Check = func(have []sr.Schema, s sr.Schema) error {
		return errors.New("Schema being registered is incompatible with an earlier schema: " + have[0].Schema + " and " + s.Schema)
	}
	register := func() string {
		calls := r.Calls.Load()
		_, err := client(t, schemaregistry.Config{URLs: []string{r.URL}}).Register(t.Context(), "s-value", schemaregistry.Avro, `"string"`)
		if n := r.Calls.Load() - calls; err == nil || n != 1 {
			t.Fatal(n, "calls,", err)
		}
		return err.Error()
	}
	if got, want := register(), `register the schema of subject "s-value": the registry refuses it, because it is not compatible with the schema that is there: Schema being registered is incompatible with an earlier schema: "long" and "string"`; got != want {
		t.Error(got)
	}
	for status, want := range map[int32]string{422: "refuses it as invalid: failing", 401: "refuses who asks: failing", 403: "refuses who asks: failing", 404: "no such schema"} {
		r.Failing.Store(status)
		if got := register(); !strings.Contains(got, want) {
			t.Errorf("%d: %s", status, got)
		}
	}
}

// TestRegistryAnswersNonsense has it answer what is no id.
func TestRegistryAnswersNonsense(t *testing.T) {
	r := registrytest.New(t)
	for answer, want := range map[string]string{
		`{}`: "the id 0, which is none", `{"id":-3}`: "the id -3, which is none", `{"id":4294967296}`: "which is none",
		`<html>log in</html>`: "does not answer within", `{"id":"x"}`: "does not answer within",
	} {
		r.Answer.Store(answer)
		patience := time.Minute
		if strings.HasPrefix(want, "does") {
			patience = 200 * time.Millisecond
		}
		c := client(t, schemaregistry.Config{URLs: []string{r.URL}, Patience: patience})
		if id, err := c.Register(t.Context(), "s-value", schemaregistry.Avro, `"int"`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d, %v", answer, id, err)
		}
	}
}

// TestRegisteringEnds gives up where the registry stays away, and ends with its
// caller.
func TestRegisteringEnds(t *testing.T) {
	r := registrytest.New(t)
	r.Failing.Store(503)
	c := client(t, schemaregistry.Config{URLs: []string{r.URL}, Patience: 300 * time.Millisecond})
	_, err := c.Register(t.Context(), "s-value", schemaregistry.Avro, `"int"`)
	if err == nil || !strings.Contains(err.Error(), "does not answer within 300ms: ") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	if _, err := client(t, schemaregistry.Config{URLs: []string{r.URL}}).Register(ctx, "s-value", schemaregistry.Avro, `"int"`); !errors.Is(err, stopped) {
		t.Error(err)
	}
}
