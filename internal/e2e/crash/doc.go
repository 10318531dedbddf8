// Package crash kills cepd with SIGKILL again and again while it reads from and
// writes to a real Kafka broker under load, and checks that every planted fraud
// is on the alerts topic at the end: none missing, none invented, and what came
// twice with one id.
package crash
