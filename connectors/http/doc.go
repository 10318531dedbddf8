// Package http is the connector 'http': tables whose rows a web service gives, asked
// for by key.
//
//	key {id: 7} --> GET https://crm/customers/7?region=EU --> 200 {"id":7,…} or [{…},…]
//	                                                          404, 204: no rows
package http
