#!/bin/sh
# Makes sure that Node 20, npm, Chromium and the packages of ui are there: the
# page is built and used with them. Installs them where it may (root on Debian or
# Ubuntu), says what is missing elsewhere.
set -eu
cd "$(dirname "$0")/.."
missing() {
	echo "make: $1 is needed to build and test the web page; install it and try again." >&2
	[ "${CI:-}" = true ] && exit 1
	echo 'make: going on without: the tests of the page will be skipped.' >&2
	exit 0
}
install() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 0
	echo "installing $*"
	apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null || return 0
}
command -v npm >/dev/null 2>&1 || install nodejs npm
command -v npm >/dev/null 2>&1 && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || missing 'Node 20 or newer with npm'
command -v chromium >/dev/null 2>&1 || install chromium fonts-dejavu-core
command -v chromium >/dev/null 2>&1 || missing 'Chromium (Debian: apt-get install chromium)'
cd ui
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent
