// Package http is the connector 'http'. With 'url' it is tables whose rows a web
// service gives, asked for by key, and tables whose rows are sent to a service;
// without, tables that events are posted to on a server, which keeps them in a log
// (state/intake).
//
//	key {id: 7} --> GET https://crm/customers/7?region=EU --> 200 {"id":7,…} or [{…},…]
//	                                                          404, 204: no rows
//
//	row --> webhook: request with Idempotency-Key --> POST https://erp/orders/7 --> 2XX: delivered
//
// And it is the connector 'parameters': rows by key that are set over HTTP, kept in
// the same logs.
//
//	POST /v1/tables/t/events --> Poster: records, each tried --> log --> source
package http
