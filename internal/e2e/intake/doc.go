// Package intake tests a server process that events are posted to, and that is
// killed.
package intake
