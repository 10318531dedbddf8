package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
)

// The limits of samples.
const (
	sampleTime = 10 * time.Second
	maxSamples = 4 // at a time
)

type sampleQuery struct {
	Name string `path:"name" doc:"Name of the table" maxLength:"256"`
	Rows int    `query:"rows" doc:"At most so many" minimum:"1" maximum:"1000" default:"20"`
	From string `query:"from" enum:"latest,earliest" default:"latest" doc:"The last rows, where the connector knows where its partitions end, or the first"`
}

func registerSample(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodGet, "/v1/tables/{name}/sample", "sample-table",
		"Some rows of a table, with those that are rejected and why; read by a reader of its own, for at most 10 seconds", 0),
		func(ctx context.Context, in *sampleQuery) (*body[*engine.TableSample], error) {
			return answer(s.Sample(ctx, in.Name, engine.SampleRequest{Rows: in.Rows, Latest: in.From == "latest"}))
		})
}

// Sample reads some rows of a table.
func (s *Service) Sample(ctx context.Context, name string, r engine.SampleRequest) (*engine.TableSample, error) {
	if _, err := s.Table(name); err != nil {
		return nil, err
	}
	done, err := s.sampling()
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	out, err := s.runner.Sample(ctx, s.definitions(), name, r)
	if errors.Is(err, engine.ErrSample) {
		return nil, badRequest("%v", err)
	}
	return out, err
}
