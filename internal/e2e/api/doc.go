// Package api tests the whole of the HTTP API, on a real engine, with requests
// that its own description gives rise to: valid ones, ones at the limits, wrong
// ones. None may be answered by an internal error.
package api
