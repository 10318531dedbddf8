package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats/avro"
	"github.com/cepd/cepd/connectors/formats/parquet"
	"github.com/cepd/cepd/query/catalog"
)

// growing are the formats whose records name their fields, so that these may become
// columns. Of protobuf a column has to be in every message.
var growing = []string{"json", "debezium-json", avro.Confluent}

// checkEvolution says whether a table can change as it is to.
func (e *Engine) checkEvolution(t *catalog.Table) error {
	format := cmp.Or(t.Option("value.format", ""), t.Option("format", ""))
	switch how := t.Option(connectors.OptEvolution, ""); {
	case how == connectors.EvolutionFail && format == parquet.Name:
		return fmt.Errorf("'%s' is not supported yet for the format '%s'", how, format)
	case how != connectors.EvolutionAdd:
	case !e.options.Adds:
		return errors.New("'add' is for a server, which keeps what the table gets: submit the text, or declare the columns (cepd infer proposes them)")
	case !slices.Contains(growing, format):
		return fmt.Errorf("'add' is for the formats 'json', 'debezium-json' and 'avro-confluent', not '%s': declare the columns", format)
	}
	return nil
}
