#!/bin/sh
# Fails and lists the files that gofmt would change.
set -eu
cd "$(dirname "$0")/.."
files=$(gofmt -l $(git ls-files -co --exclude-standard '*.go'))
if [ -n "$files" ]; then
	printf 'not formatted:\n%s\n' "$files"
	exit 1
fi
