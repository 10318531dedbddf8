// Package lint holds the rules of the code base as tests: which package may
// import which, where third-party clients and the wall clock may appear, that
// packages are documented, and how long functions are.
package lint
