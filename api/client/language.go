package client

import (
	"context"

	"github.com/cepd/cepd/api"
)

// Diagnose gives the findings about a draft.
func (c *Client) Diagnose(ctx context.Context, d *api.Draft) (*api.Diagnosis, error) {
	out := &api.Diagnosis{}
	return out, c.do(ctx, call{pattern: "POST /v1/language/diagnose", in: d}, out)
}

// Complete gives what may stand at a place of a draft.
func (c *Client) Complete(ctx context.Context, p *api.Place) (*api.CompletionList, error) {
	out := &api.CompletionList{}
	return out, c.do(ctx, call{pattern: "POST /v1/language/complete", in: p}, out)
}

// Hover says what stands at a place of a draft.
func (c *Client) Hover(ctx context.Context, p *api.Place) (*api.Meaning, error) {
	out := &api.Meaning{}
	return out, c.do(ctx, call{pattern: "POST /v1/language/hover", in: p}, out)
}

// Definition says where what stands at a place of a draft is defined.
func (c *Client) Definition(ctx context.Context, p *api.Place) (*api.DefinitionPlace, error) {
	out := &api.DefinitionPlace{}
	return out, c.do(ctx, call{pattern: "POST /v1/language/definition", in: p}, out)
}

// Format lays a draft out.
func (c *Client) Format(ctx context.Context, d *api.Draft) (*api.Layout, error) {
	out := &api.Layout{}
	return out, c.do(ctx, call{pattern: "POST /v1/language/format", in: d}, out)
}

// Explain explains a draft.
func (c *Client) Explain(ctx context.Context, d *api.Draft) (*api.ExplainedText, error) {
	out := &api.ExplainedText{}
	return out, c.do(ctx, call{pattern: "POST /v1/language/explain", in: d}, out)
}

// RunTests runs rule tests, in memory and in virtual time.
func (c *Client) RunTests(ctx context.Context, t *api.RuleTests) (*api.TestResults, error) {
	out := &api.TestResults{}
	return out, c.do(ctx, call{pattern: "POST /v1/tests", in: t}, out)
}
