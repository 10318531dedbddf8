#!/bin/sh
# Fails when a linked module has a licence other than those below.
#
#   scripts/licences.sh [FOLDER]   with a folder: copies their texts there
set -eu
cd "$(dirname "$0")/.."
tools=$PWD/.cache
version=v1.6.0
[ -x "$tools/go-licenses-$version" ] || {
	mkdir -p "$tools"
	GOBIN=$tools go install "github.com/google/go-licenses@$version"
	mv "$tools/go-licenses" "$tools/go-licenses-$version"
}
# modernc.org/mathutil is BSD-3-Clause in a wording that the tool does not know.
# The two of Eclipse are under EPL-2.0 or, as one chooses, BSD-3-Clause (EDL-1.0).
"$tools/go-licenses-$version" check ./cmd/cepd --ignore modernc.org/mathutil --ignore github.com/eclipse --allowed_licenses=Apache-2.0,MIT,BSD-2-Clause,BSD-3-Clause,ISC
if [ $# -gt 0 ]; then
	"$tools/go-licenses-$version" save ./cmd/cepd --ignore modernc.org/mathutil --ignore github.com/eclipse --ignore github.com/cepd/cepd --save_path "$1" --force 2>/dev/null
	for module in modernc.org/mathutil github.com/eclipse/paho.golang github.com/eclipse/paho.mqtt.golang; do
		mkdir -p "$1/$module"
		cp "$(go list -m -f '{{.Dir}}' "$module")/LICENSE" "$1/$module/"
	done
	chmod -R u+w "$1"
fi
echo 'licences: all allowed'
