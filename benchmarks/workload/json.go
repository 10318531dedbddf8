package workload

import (
	"encoding/binary"
	"strconv"
)

// AppendJSON writes the event as a JSON object.
func (t *Transaction) AppendJSON(dst []byte) []byte { return append(t.appendFields(dst), '}') }

// AppendKafka writes the event as the value of its Kafka record: with the
// field ref, which is the event's number in 16 hex digits.
func (t *Transaction) AppendKafka(dst []byte) []byte {
	dst = append(t.appendFields(dst), `,"ref":"`...)
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[(t.TS-Base)>>shift&15])
	}
	return append(dst, `"}`...)
}

// AppendKey writes the key of the event's Kafka record.
func (t *Transaction) AppendKey(dst []byte) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t.Card))
}

// Partition is the Kafka partition of the event among n.
func (t *Transaction) Partition(n int32) int32 { return int32(t.Card % int64(n)) }

func (t *Transaction) appendFields(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"ts":`...), t.TS, 10)
	dst = strconv.AppendInt(append(dst, `,"card":`...), t.Card, 10)
	dst = appendCents(append(dst, `,"amount":`...), t.Cents)
	dst = append(append(append(dst, `,"country":"`...), Countries[t.Country]...), '"')
	return append(append(append(dst, `,"kind":"`...), Kinds[t.Kind]...), '"')
}

// AppendJSON writes the event as a JSON object.
func (t *Trade) AppendJSON(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"ts":`...), t.TS, 10)
	dst = append(append(append(dst, `,"symbol":"`...), Symbols[t.Symbol]...), `","price":`...)
	dst = strconv.AppendInt(append(appendCents(dst, t.Cents), `,"volume":`...), t.Volume, 10)
	return append(dst, '}')
}

func appendCents(dst []byte, cents int64) []byte {
	dst = append(strconv.AppendInt(dst, cents/100, 10), '.')
	return append(dst, byte('0'+cents/10%10), byte('0'+cents%10))
}
