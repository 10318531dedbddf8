// Package lsp is a server of the Language Server Protocol 3.17 over the services
// of package assist.
//
//	editor ──JSON-RPC──▶ server ──▶ assist
//	       ◀─findings──
//
// A file is a program of its own, as for cepd check; files that come before each,
// such as one with the tables, are named by the editor's settings.
package lsp
