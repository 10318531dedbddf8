package trace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options say where spans go. What they leave out is as the environment says
// (OTEL_…), and else as the specification of OpenTelemetry does.
type Options struct {
	Endpoint string // of a collector, http://host:4318; "": OTEL_EXPORTER_OTLP_ENDPOINT
	Version  string // of the program
	Log      *slog.Logger
}

// Tracer makes spans. Its methods may be called by several goroutines at once.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	queue    *queue
	log      *slog.Logger
}

// New begins to send spans; nil when neither options nor environment ask for it.
func New(ctx context.Context, o Options) (*Tracer, error) {
	if on, err := wanted(&o); !on || err != nil {
		return nil, err
	}
	var to []otlptracehttp.Option
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("traces: endpoint %q: want http://host:port", o.Endpoint)
		}
		to = append(to, otlptracehttp.WithEndpointURL(u.JoinPath("v1/traces").String()))
	}
	exporter, err := otlptrace.New(ctx, otlptracehttp.NewClient(to...))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "cepd"), attribute.String("service.version", o.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("traces: %w", err), exporter.Shutdown(ctx))
	}
	t := &Tracer{log: cmp.Or(o.Log, slog.New(slog.DiscardHandler))}
	t.queue = newQueue(exporter, t.log)
	t.provider = sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSpanProcessor(t.queue))
	t.tracer = t.provider.Tracer("github.com/cepd/cepd", trace.WithInstrumentationVersion(o.Version))
	return t, nil
}

// wanted says whether traces are asked for.
func wanted(o *Options) (bool, error) {
	exporter, protocol := os.Getenv("OTEL_TRACES_EXPORTER"), cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
	asked := cmp.Or(o.Endpoint, os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), exporter)
	switch {
	case asked == "" || exporter == "none" || strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true"):
		return false, nil
	case exporter != "" && exporter != "otlp":
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER=%s is not supported: otlp and none are", exporter)
	case protocol != "" && protocol != "http/protobuf":
		return false, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL=%s is not supported: http/protobuf is, at port 4318 of most collectors", protocol)
	}
	return true, nil
}

// closeTimeout bounds how long the end of a program waits for a collector.
const closeTimeout = 5 * time.Second

// Close sends what waits, for some seconds at most.
func (t *Tracer) Close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("traces were not sent to the end", "error", err)
	}
}

// Kind is what a span does.
type Kind = trace.SpanKind

// The kinds.
const (
	Internal = trace.SpanKindInternal
	Consumer = trace.SpanKindConsumer // takes an event in
	Producer = trace.SpanKindProducer // gives one away
)

// Attribute is something that a span tells.
type Attribute = attribute.KeyValue

// String and Int are attributes.
func String(key, value string) Attribute { return attribute.String(key, value) }
func Int[T ~int | ~int32 | ~int64](key string, value T) Attribute {
	return attribute.Int64(key, int64(value))
}

// Span is a span under way.
type Span struct{ span trace.Span }

// Link is from a span to another.
type Link = trace.Link

// LinkTo is a link to a span, and what it tells.
func LinkTo(to Context, about ...Attribute) Link { return Link{SpanContext: to, Attributes: about} }

// Start begins a span below another, linked to others.
func (t *Tracer) Start(parent Context, kind Kind, name string, at time.Time, links []Link, about ...Attribute) Span {
	_, s := t.tracer.Start(trace.ContextWithSpanContext(context.Background(), parent), name,
		trace.WithSpanKind(kind), trace.WithTimestamp(at), trace.WithAttributes(about...), trace.WithLinks(links...))
	return Span{s}
}

// Context names the span.
func (s Span) Context() Context { return s.span.SpanContext() }

// End ends the span; err, if there is one, is what went wrong.
func (s Span) End(at time.Time, err error) {
	if err != nil {
		s.span.SetStatus(codes.Error, err.Error())
	}
	s.span.End(trace.WithTimestamp(at))
}
