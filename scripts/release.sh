#!/bin/sh
# Builds a release into dist/: static binaries, checksums, the licences of what
# is linked. Fails on a known vulnerability and on a licence that is not allowed.
# SKIP_VULNCHECK=1 releases without the scan, where its database is out of reach.
set -eu
cd "$(dirname "$0")/.."
version=${VERSION:?}
tools=$PWD/.cache
govulncheck_version=v1.9.0

scripts/licences.sh

if [ "${SKIP_VULNCHECK:-}" = 1 ]; then
	echo 'vulnerability scan skipped: SKIP_VULNCHECK=1' >&2
else
	[ -x "$tools/govulncheck" ] || GOBIN=$tools go install "golang.org/x/vuln/cmd/govulncheck@$govulncheck_version"
	"$tools/govulncheck" ./... || {
		echo 'release refused: vulnerabilities were found, or the database (https://vuln.go.dev) cannot be reached; SKIP_VULNCHECK=1 releases without the scan' >&2
		exit 1
	}
fi

rm -rf dist
mkdir dist
for target in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do
	os=${target%/*} arch=${target#*/} suffix=
	[ "$os" = windows ] && suffix=.exe
	echo "building $target"
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -ldflags "-s -w -X main.version=$version" \
		-o "dist/cepd-$version-$os-$arch$suffix" ./cmd/cepd
done
# What is linked, with versions and hashes, as Go records it in the binary.
go version -m "dist/cepd-$version-linux-amd64" >"dist/cepd-$version-modules.txt"
cp LICENSE dist/
(cd dist && sha256sum cepd-* LICENSE >SHA256SUMS && sha256sum -c SHA256SUMS)
