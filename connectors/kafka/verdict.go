package kafka

import (
	"errors"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// verdict is what the outcome of a producer's request asks for.
type verdict uint8

const (
	fatal     verdict = iota // nothing mends it
	fine                     // it has been done, now or by an earlier try
	again                    // the same request, a little later
	elsewhere                // the same request, at the coordinator there is now
	lost                     // a new epoch, and everything since the last commit again
	fenced                   // another producer has the transactional id
)

var verdictNames = [...]string{"fatal", "fine", "again", "elsewhere", "lost", "fenced"}

// String names the verdict.
func (v verdict) String() string { return verdictNames[v] }

// transactionAbortable is not yet among the library's codes.
const transactionAbortable kafka.Error = 120

// verdicts are the codes that mean something to producers, by request; for
// those that are not here transient decides. The sources are the exceptions'
// documentation in org.apache.kafka.common.errors, KIP-98, KIP-360, KIP-588
// and KIP-890.
//
// An old epoch is lost, not fenced: the coordinator takes it away from a
// producer whose transaction timed out, too. Which of the two it was, the
// InitProducerID that follows tells: it names the producer to continue, and is
// refused when there has been another.
var verdicts = map[protocol.ApiKey]map[kafka.Error]verdict{
	protocol.Produce: {
		kafka.DuplicateSequenceNumber:  fine,
		kafka.OutOfOrderSequenceNumber: lost,
		kafka.UnknownProducerId:        lost,
		kafka.InvalidProducerEpoch:     lost,
		kafka.ProducerFenced:           lost,
		kafka.InvalidTransactionState:  lost,
		kafka.InvalidProducerIDMapping: lost,
		kafka.ConcurrentTransactions:   again,
		transactionAbortable:           lost,
	},
	protocol.InitProducerId: {
		kafka.InvalidProducerEpoch:     fenced,
		kafka.ProducerFenced:           fenced,
		kafka.InvalidProducerIDMapping: fenced,
	},
	protocol.AddPartitionsToTxn: oldEpoch,
	protocol.AddOffsetsToTxn:    oldEpoch,
	protocol.EndTxn:             oldEpoch,
	protocol.TxnOffsetCommit: {
		kafka.InvalidProducerEpoch:     lost,
		kafka.ProducerFenced:           lost,
		kafka.InvalidTransactionState:  lost,
		kafka.InvalidProducerIDMapping: lost,
		kafka.UnknownProducerId:        lost,
		transactionAbortable:           lost,
		kafka.RebalanceInProgress:      again, // of members that should not be there
	},
}

var oldEpoch = map[kafka.Error]verdict{
	kafka.InvalidProducerEpoch:     lost,
	kafka.ProducerFenced:           lost,
	kafka.InvalidTransactionState:  lost,
	kafka.InvalidProducerIDMapping: lost,
	kafka.UnknownProducerId:        lost,
	transactionAbortable:           lost,
}

// atCoordinator are the codes of requests to a coordinator.
var atCoordinator = map[kafka.Error]verdict{
	kafka.NotCoordinatorForGroup:       elsewhere,
	kafka.GroupCoordinatorNotAvailable: elsewhere,
	kafka.TransactionCoordinatorFenced: elsewhere, // it is no longer the coordinator
	kafka.GroupLoadInProgress:          again,
	kafka.ConcurrentTransactions:       again, // the one before is still being completed
}

// judge says what the outcome of a request asks for.
func judge(api protocol.ApiKey, err error) verdict {
	if err == nil {
		return fine
	}
	var code kafka.Error
	if !errors.As(err, &code) {
		if !transient(err) {
			return fatal
		}
		return unanswered(api)
	}
	if v, ok := verdicts[api][code]; ok {
		return v
	}
	if v, ok := atCoordinator[code]; ok && api != protocol.Produce {
		return v
	}
	if transientCode(code) {
		return unanswered(api)
	}
	return fatal
}

// unanswered is for requests whose broker may be gone.
func unanswered(api protocol.ApiKey) verdict {
	if api == protocol.Produce {
		return again
	}
	return elsewhere
}
