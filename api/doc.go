// Package api is the HTTP server: queries submitted, listed, inspected and
// dropped under /v1, metrics, health, and the web page.
//
//	client --JSON--> /v1/queries --> Registry --> Runner (the engine)
//	                                   |
//	                                   v
//	                            data-dir/registry.json
//
// The Registry is the list of statements accepted so far, in order. It is the
// only thing kept: the catalog is what the list compiles to, so a change is
// accepted when the changed list still compiles, and a restart compiles the
// list and starts its queries.
//
// Errors are application/problem+json; those of the language carry its
// diagnostics with line, column and span.
package api
