#!/bin/sh
# Builds the documentation as a site that needs no server and no network:
# dist/site/VERSION, with versions.json for the choice of a version, and an
# index.html that leads to the newest. Sites of other versions that are there stay.
#
#   scripts/site.sh VERSION
#   scripts/site.sh --check    builds the version check, and reads it in Chromium
#
# Needs Python 3.10 or newer with venv, and npm. A link to a page or heading that
# is not there is an error.
set -eu
cd "$(dirname "$0")/.."
version=${1:?usage: scripts/site.sh VERSION}
site=dist/site
[ "$version" != --check ] || version=check site=.cache/site-check
zensical=0.0.73 mermaid=12.3.0 worker=1.0.4
tools=$PWD/.cache/site-$zensical-$mermaid-$worker

command -v npm >/dev/null 2>&1 && python3 -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || {
	echo 'the documentation site needs Python 3.10 or newer with venv, and npm; install them and try again (Debian: apt-get install python3-venv npm)' >&2
	[ "${CI:-}" = true ] && exit 1
	exit 0
}

[ -f "$tools/ready" ] || {
	rm -rf "$tools" && mkdir -p "$tools"
	python3 -m venv "$tools/venv"
	"$tools/venv/bin/pip" install --quiet --disable-pip-version-check "zensical==$zensical"
	# The generator's pages load these two from a network; the site has its own.
	for package in "mermaid@$mermaid" "iframe-worker@$worker"; do
		mkdir "$tools/${package%@*}"
		tarball=$(cd "$tools" && npm pack --silent "$package")
		tar -xzf "$tools/$tarball" -C "$tools/${package%@*}" --strip-components=1
	done
	touch "$tools/ready"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
# The pages, and what they show or link to; at the places that their links name.
git ls-files -co --exclude-standard -- README.md CONTRIBUTING.md LICENSE docs editors examples benchmarks deploy 'testdata/*/README.md' scripts/kafka-broker |
	grep -v -E '^docs/site/|^benchmarks/history/|\.(go|rs|lock|wasm|sum|mod)$' | while read -r f; do [ ! -f "$f" ] || echo "$f"; done |
	tar -cf - -T - | tar -xf - -C "$work/src"
# What follows the language of a block (```sql run) is for the pages' tests.
find "$work/src" -name '*.md' -exec sed -i -E 's/^( *```[a-z]+) .*/\1/' {} +
cp -r docs/site/mkdocs.yml docs/site/overrides "$work"
(cd "$work" && NO_COLOR=1 "$tools/venv/bin/zensical" build --strict --clean >log 2>&1) || {
	sed -e 's/\x1b\[[0-9;]*m//g' -e '/^Traceback/,$d' "$work/log" >&2
	exit 1
}

mkdir -p "$work/out/assets"
cp "$tools/mermaid/dist/mermaid.min.js" "$tools/iframe-worker/shim/index.js" "$work/out/assets/"
mv "$work/out/assets/index.js" "$work/out/assets/iframe-worker.js"
find "$work/out" -name '*.html' | while read -r page; do
	up=$(dirname "${page#"$work"/out/}" | sed -e 's|^\.$||' -e 's|[^/][^/]*|..|g' -e 's|$|/|' -e 's|^/$||')
	sed -i "s|https://unpkg.com/iframe-worker/shim|${up}assets/iframe-worker.js|" "$page"
done

mkdir -p "$site"
rm -rf "${site:?}/$version"
mv "$work/out" "$site/$version"
python3 - "$site" "$version" <<'PY'
import json, pathlib, sys
site, newest = pathlib.Path(sys.argv[1]), sys.argv[2]
names = sorted((d.name for d in site.iterdir() if d.is_dir()), key=lambda n: (n != newest, n))
versions = [{"version": n, "title": n, "aliases": ["latest"] if n == newest else []} for n in names]
(site / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")
(site / "index.html").write_text(f'<!doctype html><meta charset="utf-8"><title>cepd</title><meta http-equiv="refresh" content="0; url={newest}/index.html"><a href="{newest}/index.html">cepd {newest}</a>\n')
PY
echo "$site/$version: $(find "$site/$version" -name '*.html' | wc -l) pages"
if [ "$1" = --check ]; then
	node scripts/site-check.mjs "$site" "$version"
fi
