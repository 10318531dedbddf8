// Package tracetest is a collector for tests: it takes spans over OTLP, as
// others do, and keeps them.
package tracetest

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/cepd/cepd/internal/trace"
)

// Collector takes spans at URL.
type Collector struct {
	URL string
	// Answer, if not nil, answers in place of the collector; set it before the
	// first span.
	Answer http.HandlerFunc

	mu       sync.Mutex
	spans    []Span
	resource map[string]string
}

// Span is a span as it arrived; IDs are in hexadecimal.
type Span struct {
	Name, Kind        string
	Trace, ID, Parent string
	Attributes        map[string]string
	Links             []Link
	Start, End        time.Time
	Failed            string // why; empty: it did not
}

// Link is a link of a span.
type Link struct{ Trace, ID, Variable string }

// Start starts a collector that lives as long as the test.
func Start(t testing.TB) *Collector {
	c := &Collector{}
	s := httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(s.Close)
	c.URL = s.URL
	return c
}

// Tracer sends to the collector. The test's environment does not matter.
func (c *Collector) Tracer(t testing.TB) *trace.Tracer {
	t.Helper()
	x, err := trace.New(t.Context(), trace.Options{Endpoint: c.URL, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	if c.Answer != nil {
		c.Answer(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	var in collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &in)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range in.GetResourceSpans() {
		c.resource = texts(of.GetResource().GetAttributes())
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, spanOf(s))
			}
		}
	}
}

func spanOf(s *otlp.Span) Span {
	out := Span{
		Name: s.GetName(), Kind: strings.ToLower(strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_")),
		Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
		Attributes: texts(s.GetAttributes()),
		Start:      time.Unix(0, int64(s.GetStartTimeUnixNano())), End: time.Unix(0, int64(s.GetEndTimeUnixNano())),
	}
	if s.GetStatus().GetCode() == otlp.Status_STATUS_CODE_ERROR {
		out.Failed = s.GetStatus().GetMessage()
	}
	for _, l := range s.GetLinks() {
		out.Links = append(out.Links, Link{hex.EncodeToString(l.GetTraceId()), hex.EncodeToString(l.GetSpanId()), texts(l.GetAttributes())["cepd.variable"]})
	}
	return out
}

func texts(list []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, kv := range list {
		switch v := kv.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			out[kv.GetKey()] = v.StringValue
		default:
			out[kv.GetKey()] = strings.TrimPrefix(kv.GetValue().String(), "int_value:")
		}
	}
	return out
}

// Spans are those that have arrived, by when they began.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.spans)
	slices.SortStableFunc(list, func(a, b Span) int { return a.Start.Compare(b.Start) })
	return list
}

// Resource is what the spans say of the process.
func (c *Collector) Resource() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}
