package systables

import (
	"strings"

	"github.com/cepd/cepd/internal/diag"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
)

// Schema is what the system tables are called by.
const Schema = catalog.SystemSchema

// definition is a system table.
type definition struct {
	name    string
	columns string // name TYPE, …
}

// The columns whose values are JSON are STRINGs: JSON_VALUE takes them apart.
var definitions = []definition{
	{"instances", "query STRING, id STRING, stage BIGINT, pattern STRING, key STRING, since TIMESTAMP, expires TIMESTAMP, reached STRING, waits_for STRING, none_of STRING, rows BIGINT, complete BOOLEAN, measures STRING"},
	{"queries", "name STRING, state STRING, version BIGINT, created TIMESTAMP, error STRING, hint STRING, watermark TIMESTAMP, held_back_by STRING, events BIGINT, detections BIGINT, lag BIGINT, late BIGINT, rejected BIGINT, open_matches BIGINT, state_keys BIGINT, state_bytes BIGINT"},
	{"partitions", "query STRING, table_name STRING, partition_id BIGINT, position BIGINT, end_offset BIGINT, lag BIGINT, watermark TIMESTAMP, idle BOOLEAN, ended BOOLEAN, rows BIGINT, rejected BIGINT, late BIGINT"},
	{"operators", "query STRING, stage BIGINT, shards BIGINT, state_keys BIGINT, rows BIGINT, partial_matches BIGINT, bytes BIGINT, waiting_rows BIGINT, cold_keys BIGINT"},
	{"sinks", "query STRING, table_name STRING, rows BIGINT, acknowledged BIGINT, queued_bytes BIGINT, newest TIMESTAMP"},
	{"fields", "query STRING, table_name STRING, field STRING, kind STRING, type STRING, records BIGINT, partition_id BIGINT, first_offset BIGINT, schema_id BIGINT"},
	{"comparisons", "query STRING, version BIGINT, phase STRING, behind BIGINT, since TIMESTAMP, same BIGINT, only_old BIGINT, only_new BIGINT, changed BIGINT, waiting_old BIGINT, waiting_new BIGINT, uncompared BIGINT, error STRING"},
	{"differences", "query STRING, kind STRING, table_name STRING, id STRING, event_time TIMESTAMP, columns STRING, old_row STRING, new_row STRING"},
	{"tables", "name STRING, connector STRING, format STRING, columns STRING, watermark STRING"},
}

var types = map[string]event.Type{"STRING": event.TString, "BIGINT": event.TInt64, "BOOLEAN": event.TBool, "TIMESTAMP": event.TTimestamp}

// newCatalog has the system tables and nothing else.
func newCatalog() *catalog.Catalog {
	c := catalog.New()
	for _, d := range definitions {
		t := &catalog.Table{Name: Schema + "." + d.name, Rowtime: -1, Source: &diag.List{}, Options: map[string]catalog.Option{"connector": {Value: "memory"}}}
		for _, column := range strings.Split(d.columns, ", ") {
			name, typ, _ := strings.Cut(column, " ")
			t.Columns = append(t.Columns, catalog.Column{Name: name, Type: types[typ]})
		}
		c.AddTable(t)
	}
	return c
}
