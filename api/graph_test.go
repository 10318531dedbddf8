package api

import (
	"context"

	"github.com/cepd/cepd/engine"
)

func (r *fakeRunner) Graph(context.Context, string) (*engine.Graph, error) {
	return nil, engine.ErrEnded
}

func (r *fakeRunner) Automata(context.Context, string) (*engine.Automata, error) {
	return &engine.Automata{Patterns: []engine.AutomatonView{}}, nil
}
