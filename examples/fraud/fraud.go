// Package fraud is the card-testing example: its SQL, for the demo and tests.
package fraud

import (
	_ "embed"
	"strings"
)

// SQL is the example as a user would run it, on localhost:9092.
//
//go:embed fraud.sql
var SQL string

// SQLFor is the example on other brokers and topics.
func SQLFor(bootstrap, payments, alerts string) string {
	return strings.NewReplacer(
		"'localhost:9092'", "'"+bootstrap+"'",
		"'topic' = 'payments'", "'topic' = '"+payments+"'",
		"'topic' = 'alerts'", "'topic' = '"+alerts+"'",
	).Replace(SQL)
}
