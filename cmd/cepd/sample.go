package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/infer"
	"github.com/cepd/cepd/query/check"
)

// withSampler calls do with what infers tables, by an engine that keeps nothing.
func withSampler(do func(infer.Sampler) error) error {
	o := engineOptions(slog.New(slog.DiscardHandler))
	o.Stdout = io.Discard
	e, err := engine.New(o)
	if err != nil {
		return err
	}
	return errors.Join(do(infer.Sampler{Engine: e}), e.Close(context.Background()))
}

// takeSample is query.Options.Sample: it reads for at most infer.MaxTime.
func takeSample(r check.SampleRequest) (s *check.Sample, err error) {
	err = withSampler(func(by infer.Sampler) (err error) {
		s, err = by.Sample(context.Background())(r)
		return err
	})
	return s, err
}
