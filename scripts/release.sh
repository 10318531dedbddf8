#!/bin/sh
# Builds a release into dist/: for each system an archive with the static binary,
# licences, manual pages, shell completions and the systemd unit; the chart; the
# documentation as a site; checksums. The same commit gives the same archives.
# Fails on a known vulnerability and on a licence that is not allowed.
# SKIP_VULNCHECK=1 releases without the scan, where its database is out of reach.
set -eu
cd "$(dirname "$0")/.."
version=${VERSION:?}
targets=${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64}
tools=$PWD/.cache
govulncheck_version=v1.9.0
date=@$(git log -1 --format=%ct)

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
mkdir -p dist/common
common=$PWD/dist/common
cp LICENSE README.md "$common"
cp -r deploy/systemd "$common/systemd"
scripts/licences.sh "$common/licences"
go build -trimpath -ldflags "-X main.version=$version" -o dist/cepd ./cmd/cepd
dist/cepd man --dir "$common/man"
mkdir "$common/completions"
for shell in bash zsh fish powershell; do
	dist/cepd completion $shell >"$common/completions/cepd.$shell"
done
# What is linked, with versions and hashes, as Go records it in the binary.
go version -m dist/cepd | sed 1d >"$common/modules.txt"
rm dist/cepd

for target in $targets; do
	os=${target%/*} arch=${target#*/} suffix=
	[ "$os" = windows ] && suffix=.exe
	name=cepd-$version-$os-$arch
	echo "building $target"
	mkdir "dist/$name"
	cp -r "$common"/. "dist/$name"
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -ldflags "-s -w -X main.version=$version" -o "dist/$name/cepd$suffix" ./cmd/cepd
	tar --sort=name --mtime="$date" --owner=0 --group=0 --numeric-owner -cf - -C dist "$name" | gzip -9n >"dist/$name.tar.gz"
	rm -r "dist/$name"
done
rm -r "$common"

mkdir dist/cepd
cp -r deploy/helm/cepd dist/
number=${version#v}
case $number in [0-9]*.[0-9]*.[0-9]*) ;; *) number=0.0.0-$number ;; esac
sed -i -e "s/^version: .*/version: $number/" -e "s/^appVersion: .*/appVersion: \"$version\"/" dist/cepd/Chart.yaml
tar --sort=name --mtime="$date" --owner=0 --group=0 --numeric-owner -cf - -C dist cepd | gzip -9n >"dist/cepd-chart-$number.tgz"
rm -r dist/cepd

scripts/site.sh "$version"
tar --sort=name --mtime="$date" --owner=0 --group=0 --numeric-owner -cf - -C dist/site "$version" | gzip -9n >"dist/cepd-$version-docs.tar.gz"
(cd dist && sha256sum ./*.tar.gz ./*.tgz >SHA256SUMS && sha256sum -c SHA256SUMS)
