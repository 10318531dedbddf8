#!/bin/sh
# Makes sure that a server which speaks S3 is there: the Versity S3 Gateway
# (Apache-2.0), which the tests run over folders of their own. Builds it from
# its Go module, once.
set -eu
version=v1.8.0
cache="$(cd "$(dirname "$0")/.." && pwd)/.cache"
program="$cache/versitygw-$version"
[ -x "$program" ] && exit 0
echo "building versitygw $version"
mkdir -p "$cache"
tmp=$(mktemp -d "$cache/versitygw.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
if GOBIN="$tmp" CGO_ENABLED=0 ${GO:-go} install -ldflags='-s -w' "github.com/versity/versitygw/cmd/versitygw@$version"; then
	mv "$tmp/versitygw" "$program"
	exit 0
fi
echo 'make: versitygw is needed to test buckets on a real server, and could not be built.' >&2
[ "${CI:-}" = true ] && exit 1
echo 'make: going on without: the tests with it will be skipped.' >&2
