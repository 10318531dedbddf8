package access

import (
	"context"
	"fmt"
	"log/slog"
)

// LogHandler passes records on without the secrets.
func (p *Policy) LogHandler(next slog.Handler) slog.Handler { return logHandler{p, next} }

type logHandler struct {
	policy *Policy
	next   slog.Handler
}

func (h logHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.policy.values.replacer.Load() == nil {
		return h.next.Handle(ctx, r)
	}
	clean := slog.NewRecord(r.Time, r.Level, h.policy.Redact(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func (h logHandler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.policy.Redact(v.String()))
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(h.attrs(v.Group())...)}
	case slog.KindAny:
		text := fmt.Sprint(v.Any())
		if clean := h.policy.Redact(text); clean != text {
			return slog.String(a.Key, clean)
		}
	}
	return a
}

func (h logHandler) attrs(list []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(list))
	for i, a := range list {
		out[i] = h.attr(a)
	}
	return out
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.policy, h.next.WithAttrs(h.attrs(attrs))}
}

func (h logHandler) WithGroup(name string) slog.Handler {
	return logHandler{h.policy, h.next.WithGroup(name)}
}
