// Package protobuf reads and writes records that are Protobuf messages.
//
// From the message's descriptor and the columns that are read a table of fields
// is made, by number. The decoder is a single pass over the bytes:
//
//	message Tx { int64 ts = 1; string ref = 2; repeated Item items = 3; }
//	columns ts BIGINT, items ARRAY<ROW<price DOUBLE>>
//
//	08 ▒▒▒▒ 12 ░░░░░░ 1a ▒▒▒▒▒▒▒ 1a ▒▒▒▒▒▒▒
//	 │       │         └ 3: a row more of the column's element, decoded likewise
//	 │       └ 2: no column, passed over by its length
//	 └ 1: into column ts
//
// Strings are views of the record; nothing is allocated per record. What is
// passed over is not looked into. What protobuf says of repeated, split and
// unknown fields holds: of a singular field the last counts, messages are
// merged, of a oneof the last member counts, a repeated number may be packed or
// not, a field of another wire type is an unknown field.
//
// A field with presence (optional, oneof, message, proto2) that is not in the
// record is NULL, any other its default; a repeated field or map is empty.
package protobuf
