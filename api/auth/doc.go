// Package auth says who asks a server, and what they may do.
//
//	bearer token, client certificate, session of the page --> Principal (name, role)
//
// A token is 32 random bytes; the server keeps its SHA-256, which is enough for
// a secret that nobody can guess (a slow hash is for passwords people choose).
package auth
