// Package recordbatch encodes and decodes Kafka's record batches (magic 2):
// decoding makes spans of the fetched bytes, not records, so that reading a
// record allocates and copies nothing.
//
// A fetched record set is batches back to back, the last possibly cut short:
//
//	offset size
//	     0    8  base offset
//	     8    4  length of what follows
//	    12    4  partition leader epoch (set by the broker, not in the CRC)
//	    16    1  magic = 2
//	    17    4  CRC-32C of everything from 21 on
//	    21    2  attributes: 0-2 codec, 3 log append time, 4 transactional, 5 control
//	    23    4  last offset delta
//	    27    8  base timestamp, ms
//	    35    8  max timestamp, ms
//	    43    8  producer id      \
//	    51    2  producer epoch    > -1 without idempotence
//	    53    4  base sequence    /
//	    57    4  number of records
//	    61       records, compressed as one block:
//	             varint length { attributes, varint Δtimestamp, varint Δoffset,
//	                             key, value, varint headers { key, value } }
//
// The bytes come from outside: whatever they are, decoding ends in records or
// in an *Error that names the offset, never in a panic.
package recordbatch
