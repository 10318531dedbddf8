package api

import (
	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/all"
)

func (r *fakeRunner) Connectors() *connectors.Registry { return all.New() }
