// Package actions runs the server as a process beside a service that it calls: it
// is killed while it calls, and long-running processes are carried through to their
// end, with links that a person follows.
package actions
