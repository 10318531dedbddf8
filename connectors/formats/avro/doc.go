// Package avro reads and writes records in Avro's binary encoding.
//
// A record has no names and no types: what its bytes mean is in the schema it
// was written with. From that schema and the columns that are read a decoder
// is compiled, a tree with a node for every value of the record:
//
//	schema         {ts: long, user: {id: long, name: string}, tags: [string]}
//	columns        ts TIMESTAMP(3), user ROW<id BIGINT>
//
//	record ─┬─ long ───────── × 1000 into column ts
//	        ├─ record ─┬───── into the first field of column user
//	        │          └───── string: passed over
//	        └─ array ──────── passed over
//
// Values go from the bytes straight into the columns; strings are views of the
// record. Nothing is allocated per record. What is passed over is walked, since
// Avro has no lengths to jump by, but its text is not examined.
//
// The format 'avro' takes the schema from the option 'avro.schema', or makes it
// of the table's columns. In 'avro-confluent' every record names the schema it
// was written with by its number in a registry. A column finds its field by
// name and, of an 'avro-confluent.schema', by the aliases there; Avro's rules of
// schema resolution say which types it can have been written as. A schema that
// cannot be read into the columns rejects its records, not those of others.
package avro
