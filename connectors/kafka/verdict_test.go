package kafka

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// TestVerdicts shows what each error code asks for, by request, and which codes
// are transient for all of them. A code that is in neither list is fatal.
func TestVerdicts(t *testing.T) {
	apis := map[string]protocol.ApiKey{"Produce": protocol.Produce, "InitProducerId": protocol.InitProducerId,
		"AddPartitionsToTxn": protocol.AddPartitionsToTxn, "AddOffsetsToTxn": protocol.AddOffsetsToTxn,
		"TxnOffsetCommit": protocol.TxnOffsetCommit, "EndTxn": protocol.EndTxn, "OffsetFetch": protocol.OffsetFetch}
	datadriven.RunTest(t, "testdata/verdicts", func(t *testing.T, d *datadriven.TestData) string {
		var b strings.Builder
		api, request := apis[d.Cmd]
		for code := kafka.Error(-1); code <= 130; code++ {
			usual := transientCode(code)
			v := judge(api, fmt.Errorf("wrapped: %w", code))
			switch {
			case !request && usual:
				fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%d %s", code, code.Title())))
			case request && v != fatal && (!usual || v != unanswered(api)):
				fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%-9s %d %s", v, code, code.Title())))
			}
		}
		return b.String()
	})
}
