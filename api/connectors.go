package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/query/catalog"
)

// Connection is a source or a sink of a query.
type Connection struct {
	Query      string       `json:"query"`
	Table      string       `json:"table"`
	Role       string       `json:"role" enum:"source,sink"`
	Connector  string       `json:"connector" doc:"Of the table; VALUES where there is none"`
	Address    string       `json:"address,omitempty" doc:"What it reads or writes: brokers and topic, file, URL"`
	State      engine.State `json:"state" enum:"recovering,running,finished,stopped,failed,paused" doc:"Of the query"`
	Error      string       `json:"error,omitempty" doc:"Why the query has failed"`
	Advice     string       `json:"advice,omitempty"`
	Partitions int          `json:"partitions,omitempty" doc:"Of a source"`
	Rows       int64        `json:"rows" doc:"Read since the process started, or numbered for the sink since the query began"`
	Rejects    int64        `json:"rejects,omitempty" doc:"Of a source: records that were no rows, and late rows"`
	Lag        int64        `json:"lag" doc:"Of a source: records still to be read; of a sink: rows it has not acknowledged. -1: not known"`
	Newest     string       `json:"newest,omitempty" doc:"Event time of the newest row"`
	Idle       int          `json:"idle,omitempty" doc:"Partitions that are silent"`

	Warnings *engine.WarningStatus `json:"warnings,omitempty" doc:"What the connector has warned of since the query started: connections lost, requests sent again"`

	Calls *engine.CallStatus `json:"calls,omitempty" doc:"Of a sink that calls a service: how that goes"`
}

func registerConnectors(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodGet, "/v1/connectors", "list-connectors", "The sources and sinks of all queries, and how they do", 0),
		func(_ context.Context, in *listQuery) (*pageOf[Connection], error) {
			return paged("/v1/connectors", in, s.Connectors(), func(c *Connection) string { return c.Query + "/" + c.Role + "/" + c.Table })
		})
}

// Connectors lists the sources and sinks of all queries.
func (s *Service) Connectors() []Connection {
	list := []Connection{}
	cat := s.definitions()
	for _, q := range s.Queries() {
		if status, ok := s.status(q.Name); ok {
			list = append(list, connectionsOf(cat, &status)...)
		}
	}
	return list
}

func connectionsOf(cat *catalog.Catalog, s *engine.Status) (list []Connection) {
	add := func(table, role string) *Connection {
		c := Connection{Query: s.Name, Table: table, Role: role, Connector: "VALUES", State: s.State, Error: s.Error}
		if t, ok := cat.Table(table); ok {
			c.Connector, c.Address = t.Option("connector", ""), addressOf(t)
		}
		list = append(list, c)
		return &list[len(list)-1]
	}
	for _, src := range s.Sources {
		c := add(src.Table, "source")
		c.Advice, c.Warnings = src.Advice, src.Warnings
	}
	for _, p := range s.Partitions {
		i := slices.IndexFunc(list, func(c Connection) bool { return c.Role == "source" && c.Table == p.Table })
		if i < 0 {
			add(p.Table, "source")
			i = len(list) - 1
		}
		c := &list[i]
		c.Partitions++
		c.Rows, c.Rejects, c.Newest = c.Rows+p.Rows, c.Rejects+p.Rejects+p.Late, max(c.Newest, p.Newest)
		if p.Idle {
			c.Idle++
		}
		if p.Lag < 0 || c.Lag < 0 {
			c.Lag = -1
		} else {
			c.Lag += p.Lag
		}
	}
	for _, o := range s.Sinks {
		c := add(o.Table, "sink")
		c.Rows, c.Lag, c.Newest, c.Calls = int64(o.Rows), int64(o.Rows-min(o.Rows, o.Acknowledged)), o.Newest, o.Calls
		c.Warnings = o.Warnings
	}
	return list
}

// addressOf is where a table lies, without what is secret.
func addressOf(t *catalog.Table) string {
	var parts []string
	for _, key := range []string{"properties.bootstrap.servers", "topic", "path", "url", "table-name"} {
		if text := t.Option(key, ""); text != "" {
			parts = append(parts, maskURL(maskSecret(key, text)))
		}
	}
	return strings.Join(parts, " ")
}

// maskURL takes what may be a password out of an address: what stands before the
// host, and parameters.
func maskURL(text string) string {
	text, _, _ = strings.Cut(text, "?")
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return text
	}
	host, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	return scheme + "://" + host + strings.TrimSuffix("/"+path, "/")
}

func compareNames(a, b string) int {
	return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
}
