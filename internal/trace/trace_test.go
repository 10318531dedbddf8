package trace_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cepd/cepd/internal/trace"
	"github.com/cepd/cepd/internal/trace/tracetest"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// TestParse: what is no sampled trace is none, whatever it looks like.
func TestParse(t *testing.T) {
	c, ok := trace.Parse([]byte(parent), []byte("vendor=1"))
	if !ok || c.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || c.SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("%v, %v", c, ok)
	}
	if p, s := trace.Format(c); p != parent || s != "vendor=1" {
		t.Errorf("back: %q, %q", p, s)
	}
	if _, ok := trace.Parse([]byte("cc"+parent[2:]+"-more"), nil); !ok {
		t.Error("a later version is not read")
	}
	for name, header := range map[string]string{
		"none": "", "short": parent[:54], "not sampled": parent[:54] + "0", "sampled as a capital": parent[:53] + "0B",
		"another flag": parent[:53] + "02", "no trace": "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"no span": "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "version ff": "ff" + parent[2:],
		"more in version 00": parent + "-01", "not hex": strings.Replace(parent, "0af", "0xf", 1), "binary": strings.Repeat("\xff", 54) + "1",
	} {
		if c, ok := trace.Parse([]byte(header), nil); ok {
			t.Errorf("%s: %v", name, c)
		}
	}
}

// TestUnsampledCostsNothing: a row whose trace is not sampled allocates nothing.
func TestUnsampledCostsNothing(t *testing.T) {
	header := []byte(parent[:54] + "0")
	if n := testing.AllocsPerRun(100, func() { trace.Parse(header, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// clean takes the variables of OpenTelemetry out of the environment.
func clean(t *testing.T, set map[string]string) {
	for _, name := range []string{"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER", "OTEL_BSP_MAX_QUEUE_SIZE"} {
		t.Setenv(name, set[name])
	}
}

// TestEnvironment: traces are off unless asked for, and standard variables ask.
func TestEnvironment(t *testing.T) {
	const at = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for name, c := range map[string]struct {
		set      map[string]string
		endpoint string
		on       bool
		err      string
	}{
		"nothing":        {},
		"configuration":  {endpoint: "http://127.0.0.1:1", on: true},
		"environment":    {set: map[string]string{at: "http://127.0.0.1:1"}, on: true},
		"of traces":      {set: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, on: true},
		"default":        {set: map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, on: true},
		"none":           {set: map[string]string{at: "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}},
		"disabled":       {set: map[string]string{"OTEL_SDK_DISABLED": "true"}, endpoint: "http://127.0.0.1:1"},
		"other exporter": {set: map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, err: "zipkin is not supported"},
		"grpc":           {set: map[string]string{at: "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, err: "http/protobuf"},
		"no address":     {endpoint: "collector:4318", err: "http://host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t, c.set)
			x, err := trace.New(t.Context(), trace.Options{Endpoint: c.endpoint})
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("error %v", err)
			}
			if (x != nil) != c.on {
				t.Errorf("on: %v", x != nil)
			}
			x.Close(t.Context())
		})
	}
}

// spanned sends n spans.
func spanned(t *testing.T, x *trace.Tracer, n int) {
	t.Helper()
	c, ok := trace.Parse([]byte(parent), nil)
	if !ok {
		t.Fatal("no parent")
	}
	at := time.Unix(1_700_000_000, 0)
	for range n {
		s := x.Start(c, trace.Consumer, "process", at, []trace.Link{trace.LinkTo(c, trace.String("cepd.variable", "A"))}, trace.Int("n", 7))
		s.End(at.Add(time.Second), nil)
	}
}

// TestExport: a span arrives as it was made.
func TestExport(t *testing.T) {
	clean(t, map[string]string{"OTEL_SERVICE_NAME": "fraud"})
	c := tracetest.Start(t)
	x := c.Tracer(t)
	spanned(t, x, 1)
	x.Close(t.Context())
	spans := c.Spans()
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	s := spans[0]
	if s.Trace != "0af7651916cd43dd8448eb211c80319c" || s.Parent != "b7ad6b7169203331" || s.Kind != "consumer" || s.Attributes["n"] != "7" ||
		s.End.Sub(s.Start) != time.Second || len(s.Links) != 1 || s.Links[0].Variable != "A" {
		t.Errorf("%+v", s)
	}
	if r := c.Resource(); r["service.name"] != "fraud" || r["service.version"] != "test" {
		t.Errorf("of %v", r)
	}
	if n := x.Counts(); n != (trace.Counts{Exported: 1}) {
		t.Errorf("%+v", n)
	}
}

// TestSampler: the standard variable decides about traces that others began.
func TestSampler(t *testing.T) {
	clean(t, map[string]string{"OTEL_TRACES_SAMPLER": "always_off"})
	c := tracetest.Start(t)
	x := c.Tracer(t)
	spanned(t, x, 5)
	x.Close(t.Context())
	if len(c.Spans()) != 0 || x.Counts() != (trace.Counts{}) {
		t.Errorf("%v, %+v", c.Spans(), x.Counts())
	}
}

// TestQueueIsBounded: spans that find no room are dropped and counted, and so
// are those that a collector does not take; nothing waits for it.
func TestQueueIsBounded(t *testing.T) {
	clean(t, map[string]string{"OTEL_BSP_MAX_QUEUE_SIZE": "10"})
	c := tracetest.Start(t)
	asked, refuse := make(chan struct{}, 100), make(chan struct{})
	c.Answer = func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-refuse
		w.WriteHeader(http.StatusBadRequest)
	}
	x := c.Tracer(t)
	spanned(t, x, 25) // nothing is answered meanwhile
	if n := x.Counts(); n.Dropped != 15 {
		t.Errorf("dropped %d", n.Dropped)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		<-asked
		close(refuse)
	}()
	x.Close(ctx)
	if n := x.Counts(); n != (trace.Counts{Failed: 10, Dropped: 15}) {
		t.Errorf("%+v", n)
	}
}
