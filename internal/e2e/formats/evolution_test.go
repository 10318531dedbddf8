package formats

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/cepd/cepd/internal/broker"
	"github.com/cepd/cepd/internal/schemaregistry/registrytest"
)

// TestDifferenceOfSchemas tells once of each schema what it has beside the columns, and
// what it lacks, also where only one record of many names it.
func TestDifferenceOfSchemas(t *testing.T) {
	addr, stop, err := broker.Start([]string{"tx"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	r := registrytest.New(t)
	r.Add("tx-value", sr.Schema{Schema: `{"type":"record","name":"R","fields":[{"name":"card","type":"long"}]}`})
	r.Add("tx-value", sr.Schema{Schema: `{"type":"record","name":"R","fields":[{"name":"card","type":"long"},{"name":"fee","type":["null","float"]}]}`})
	old, new := []byte("\x00\x00\x00\x00\x01\x02"), []byte("\x00\x00\x00\x00\x02\x02\x00")
	write(t, addr, old, old, new, old, new, old)
	q := start(t, fmt.Sprintf(`CREATE TABLE tx (card BIGINT, note STRING) WITH ('connector' = 'kafka', 'topic' = 'tx', 'properties.bootstrap.servers' = '%s',
	'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', 'format' = 'avro-confluent', 'avro-confluent.url' = '%s');
	CREATE TABLE o (card BIGINT) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT card FROM tx;`, addr, r.URL))
	if err := q.Wait(); err != nil {
		t.Fatal(err)
	}
	d := q.Status().Sources[0].Difference
	if d == nil || d.Text != "fields that are no column: fee FLOAT; columns without a field: note (in 2 schemas of records)" {
		t.Fatalf("%+v", d)
	}
	if f := d.Unknown[0]; f.Offset != 2 || f.Schema != 2 {
		t.Errorf("%+v", f)
	}
}
