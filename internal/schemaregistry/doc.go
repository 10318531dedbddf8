// Package schemaregistry asks a schema registry with Confluent's API for the
// schemas that records name by number, and registers those of sinks.
//
//	record:  00 | id, 4 bytes big-endian | body as the schema says
//
// What a registry says of an id never changes, so it is kept. While the
// registry cannot be reached callers wait, with back-off: a record is neither
// lost nor refused because a server is down. What it denies is final.
package schemaregistry
