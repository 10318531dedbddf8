// Package pack reads, checks, archives and imports rule packs: rules with parameters,
// tests and an owner that one project writes and others use.
//
//	payments/pack.yaml   name, version, parameters, rules with severity, runbook, tests
//	         tables.sql  the tables that the rules read and write, as the pack wants them
//	         *.sql       the rules
//	         *_test.yaml their tests
//
//	pack.yaml ──check──▶ archive ──import──▶ packs/payments + packs/packs.lock ──▶ server
//
// An importing project has tables, or views, with the names and columns of tables.sql.
package pack
