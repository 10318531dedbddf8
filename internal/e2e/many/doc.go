// Package many runs thousands of queries on one server, over one topic of a real
// Kafka broker, and says what a query costs; and raises an event there for an open match.
//
//	go test ./internal/e2e/many -run Queries -v -many.queries 2000
package many
