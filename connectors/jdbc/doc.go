// Package jdbc is the connector 'jdbc', with Flink's name and options: tables of SQL
// databases, asked for rows by key. PostgreSQL ('jdbc:postgresql://host/db') and
// SQLite ('jdbc:sqlite:file') are reached through database/sql.
//
//	keys 7, 9 --> WITH k (i, k0) AS (VALUES (0, 7), (1, 9))
//	              SELECT k.i, t.name FROM k JOIN customers AS t ON t.id = k.k0
package jdbc
