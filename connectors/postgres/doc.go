// Package postgres is the connector 'postgres-cdc': the rows of a table of
// PostgreSQL, and how they change, by logical replication.
//
//	slot ──▶ transactions ──┐
//	                        ├─▶ inbox ──▶ log, with a mark ──▶ readers
//	table ──▶ chunks of rows┘
//	     ◀── confirmed as far as a mark in the log says
//
// What comes goes through a log of cepd's own (connectors/pushed), as records of
// Debezium. The log's mark says how far the slot and the table have been read, and
// is written in one step with the records, so that nothing is there twice or not at
// all. The rows that are there at the beginning are read in chunks by the primary
// key while the changes go on, after DBLog (Andreakis, Papapanagiotou: DBLog: A
// Watermark Based Change-Data-Capture Framework, 2020); that a transaction may be
// in the slot before it is visible is settled by PostgreSQL's own snapshots.
package postgres
