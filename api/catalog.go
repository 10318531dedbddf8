package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/assist"
	"github.com/cepd/cepd/query/catalog"
)

// Catalog is what a text may name: of the server, and of what has been submitted.
type Catalog struct {
	Tables     []string    `json:"tables" doc:"Names; /v1/tables has the tables"`
	Views      []View      `json:"views"`
	Functions  []Function  `json:"functions" doc:"Those of users come first"`
	Connectors []Connector `json:"connectors"`
	Formats    []Format    `json:"formats"`
	Settings   []Setting   `json:"settings"`
}

// View is a view.
type View struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns,omitempty" doc:"Where the view gives them names"`
}

// Function is a function that an expression may call.
type Function struct {
	Name  string `json:"name"`
	Usage string `json:"usage" example:"ABS(x)"`
	Doc   string `json:"doc,omitempty"`
}

// Connector is what a table may be read from or written to.
type Connector struct {
	Name     string           `json:"name"`
	Options  []Option         `json:"options,omitempty"`
	Metadata []MetadataColumn `json:"metadata,omitempty"`
}

// Option is an option of WITH.
type Option struct {
	Name     string   `json:"name"`
	Prefix   bool     `json:"prefix,omitempty" doc:"What begins with it is an option"`
	Required bool     `json:"required,omitempty"`
	Default  string   `json:"default,omitempty"`
	Values   []string `json:"values,omitempty" doc:"That it may have; left out: others"`
	Secret   bool     `json:"secret,omitempty" doc:"Its value is never shown"`
	Doc      string   `json:"doc,omitempty"`
}

// MetadataColumn is a column METADATA FROM.
type MetadataColumn struct {
	Key      string `json:"key"`
	Type     string `json:"type"`
	Writable bool   `json:"writable,omitempty" doc:"INSERT may set it"`
}

// Format is a format of records.
type Format struct {
	Name    string   `json:"name"`
	Options []Option `json:"options,omitempty"`
}

// Setting is a key of SET.
type Setting struct {
	Key     string `json:"key"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
}

func registerCatalog(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodGet, "/v1/catalog", "show-catalog",
		"What a text may name: tables, views, functions, connectors, formats, settings", 0),
		func(context.Context, *struct{}) (*body[*Catalog], error) { return answer(s.Catalog(), nil) })
}

// Catalog lists what a text may name.
func (s *Service) Catalog() *Catalog {
	cat, registry := s.definitions(), s.runner.Connectors()
	out := &Catalog{Tables: []string{}, Views: []View{}, Functions: []Function{}, Connectors: []Connector{}, Formats: []Format{}, Settings: []Setting{}}
	for _, t := range cat.Tables() {
		out.Tables = append(out.Tables, t.Name)
	}
	for _, v := range cat.Views() {
		out.Views = append(out.Views, View{v.Name, v.Columns})
	}
	for _, f := range assist.Functions(cat) {
		out.Functions = append(out.Functions, Function(f))
	}
	for _, name := range registry.Names() {
		c, _ := registry.Lookup(name)
		out.Connectors = append(out.Connectors, connectorOf(c))
	}
	for _, name := range registry.Formats() {
		out.Formats = append(out.Formats, Format{name, optionsOf(registry.FormatOptions(name))})
	}
	for _, x := range catalog.Settings {
		out.Settings = append(out.Settings, Setting(x))
	}
	return out
}

func connectorOf(c connectors.Connector) Connector {
	out := Connector{Name: c.Name(), Options: optionsOf(c.Options())}
	for _, m := range c.Metadata() {
		out.Metadata = append(out.Metadata, MetadataColumn{m.Key, m.Type.String(), m.Writable})
	}
	return out
}

func optionsOf(specs []connectors.OptionSpec) (list []Option) {
	for i := range specs {
		o := &specs[i]
		list = append(list, Option{Name: o.Name, Prefix: o.Prefix, Required: o.Required, Default: o.Default, Values: o.Values, Secret: o.Secret, Doc: o.Doc})
	}
	return list
}
