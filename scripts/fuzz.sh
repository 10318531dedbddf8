#!/bin/sh
# Runs every fuzz target of the module for the given time each.
set -eu
cd "$(dirname "$0")/.."
status=0
for file in $(git ls-files -co --exclude-standard '*_test.go' | xargs grep -l '^func Fuzz'); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "== $target in $(dirname "$file") for $1"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "./$(dirname "$file")" || status=1
	done
done
exit $status
