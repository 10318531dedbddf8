// Package access is what queries may reach outside the process: files, network
// addresses, secrets. A server confines them; `cepd run` does not.
//
//	option value --Resolve--> value with secrets --> connector
//	path         --OpenFile-> file below a root (os.Root: no way out by .. or a link)
//	host:port    --Dial-----> connection, if name or address is allowed
//
// What a secret was resolved to is remembered so that Redact can take it out of
// errors and logs again.
package access
