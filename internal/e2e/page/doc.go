// Package page uses the web page as people do: a real server, Debian's Chromium,
// and scripts of Playwright in ui/e2e, each of which is a test here.
//
// It also holds the types of the page's calls, ui/src/api/schema.ts, against the
// server's own description; -rewrite writes them anew.
package page
