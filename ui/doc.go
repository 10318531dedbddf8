// Package ui is the web page, built and embedded. Its source is TypeScript in
// src, with Preact and CodeMirror; scripts/generate.sh builds dist of it, with
// Node 20 and the packages of package-lock.json, and make test builds it again
// and compares. What the page calls is in src/api: the public API and nothing
// else.
//
//	src/main.tsx, app.tsx, router.ts   the shell and its addresses
//	src/api                            calls, with types made from the server's description
//	src/parts                          tables, drawings, time lines, plots
//	src/views                          a folder per view
//	test                               unit tests, run by node
//	e2e                                scripts that use the page in Chromium: see internal/e2e/page
package ui
