package engine_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cepd/cepd/engine/enginetest"
)

// The bids of Flink's documentation of window table functions.
var bids = []string{
	`{"bidtime":"2020-04-15 08:05:00","price":4.00,"item":"C","supplier_id":"supplier1"}`,
	`{"bidtime":"2020-04-15 08:07:00","price":2.00,"item":"A","supplier_id":"supplier1"}`,
	`{"bidtime":"2020-04-15 08:09:00","price":5.00,"item":"D","supplier_id":"supplier2"}`,
	`{"bidtime":"2020-04-15 08:11:00","price":3.00,"item":"B","supplier_id":"supplier2"}`,
	`{"bidtime":"2020-04-15 08:13:00","price":1.00,"item":"E","supplier_id":"supplier1"}`,
	`{"bidtime":"2020-04-15 08:17:00","price":6.00,"item":"F","supplier_id":"supplier2"}`,
}

// TestFlinkExamples runs the documented queries against their documented
// results.
func TestFlinkExamples(t *testing.T) {
	for _, c := range []struct{ columns, query, want string }{
		{"s TIMESTAMP(3), e TIMESTAMP(3), total DECIMAL(38, 2)",
			`SELECT window_start, window_end, SUM(price) AS total_price
			FROM TABLE(TUMBLE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '10' MINUTES)) GROUP BY window_start, window_end`,
			"08:00 08:10 11.00, 08:10 08:20 10.00"},
		{"s TIMESTAMP(3), e TIMESTAMP(3), total DECIMAL(38, 2)",
			`SELECT window_start, window_end, SUM(price) AS total_price
			FROM HOP(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '5' MINUTES, INTERVAL '10' MINUTES) GROUP BY window_start, window_end`,
			"08:00 08:10 11.00, 08:05 08:15 15.00, 08:10 08:20 10.00, 08:15 08:25 6.00"},
		{"s TIMESTAMP(3), e TIMESTAMP(3), total DECIMAL(38, 2)",
			`SELECT window_start, window_end, SUM(price) AS total_price
			FROM CUMULATE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '2' MINUTES, INTERVAL '10' MINUTES) GROUP BY window_start, window_end`,
			"08:00 08:06 4.00, 08:00 08:08 6.00, 08:00 08:10 11.00, 08:10 08:12 3.00, 08:10 08:14 4.00, 08:10 08:16 4.00, 08:10 08:18 10.00, 08:10 08:20 10.00"},
		{"s TIMESTAMP(3), e TIMESTAMP(3), supplier STRING, total DECIMAL(38, 2)",
			`SELECT window_start, window_end, supplier_id, SUM(price) AS total_price
			FROM TUMBLE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '10' MINUTES) GROUP BY window_start, window_end, GROUPING SETS ((supplier_id), ())`,
			"08:00 08:10 'supplier1' 6.00, 08:00 08:10 'supplier2' 5.00, 08:00 08:10 NULL 11.00, " +
				"08:10 08:20 'supplier1' 1.00, 08:10 08:20 'supplier2' 9.00, 08:10 08:20 NULL 10.00"},
		{"s TIMESTAMP(3), e TIMESTAMP(3), item STRING, price DECIMAL(10, 2), rn BIGINT",
			`SELECT window_start, window_end, item, price, rownum FROM (
			  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS rownum
			  FROM TABLE(TUMBLE(TABLE Bid, DESCRIPTOR(bidtime), INTERVAL '10' MINUTES))) WHERE rownum <= 2`,
			"08:00 08:10 'C' 4.00 2, 08:00 08:10 'D' 5.00 1, 08:10 08:20 'B' 3.00 2, 08:10 08:20 'F' 6.00 1"},
	} {
		w := enginetest.NewWorld()
		w.Input("Bid", bids)
		got := w.Run(t, `CREATE TABLE Bid (bidtime TIMESTAMP(3), price DECIMAL(10, 2), item STRING, supplier_id STRING,
			WATERMARK FOR bidtime AS bidtime - INTERVAL '1' SECOND) WITH ('connector'='test', 'format'='json');
			CREATE TABLE o (`+c.columns+`) WITH ('connector'='test'); INSERT INTO o `+c.query)
		short := strings.NewReplacer("TIMESTAMP '2020-04-15 ", "", ":00.000'", "", " | ", " ")
		for i := range got {
			got[i] = short.Replace(got[i])
		}
		if diff := cmp.Diff(strings.Split(c.want, ", "), enginetest.Sorted(got)); diff != "" {
			t.Errorf("%s\n%s", c.query, diff)
		}
	}
}
