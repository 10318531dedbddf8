#!/bin/sh
# Generates query/parse/gen from the grammars of query/parse, and ui/dist, the web
# page, from ui/src.
#
#   scripts/generate.sh           write the files and the hash of the grammars
#   scripts/generate.sh --check   generate elsewhere and compare; exit 1 on a difference
#
# Needs Java 11 or newer; the ANTLR tool is fetched once with mvn, or set
# ANTLR_JAR to its "complete" jar. The page needs Node 20 and npm; where they are
# missing scripts/need-browser.sh has said so, and it is left as it is.
set -eu

version=4.13.1
cd "$(dirname "$0")/../query/parse"
jar=${ANTLR_JAR:-${XDG_CACHE_HOME:-$HOME/.cache}/cepd/antlr4-$version-complete.jar}
if [ ! -f "$jar" ]; then
	mvn -q dependency:copy -Dartifact="org.antlr:antlr4:$version:jar:complete" -DoutputDirectory="$(dirname "$jar")"
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cp CEPLexer.g4 CEPParser.g4 "$out"
(cd "$out" && java -jar "$jar" -Dlanguage=Go -package gen -no-listener -no-visitor -Werror CEPLexer.g4 CEPParser.g4)
mkdir "$out/gen"
mv "$out"/*.go "$out/gen"
cat CEPLexer.g4 CEPParser.g4 | sha256sum | cut -d' ' -f1 >"$out/gen/grammar.sha256"
cat >"$out/gen/doc.go" <<'DOC'
// Package gen is the lexer and parser that ANTLR makes from CEPLexer.g4 and
// CEPParser.g4; scripts/generate.sh writes it. Only query/parse imports it.
package gen
DOC
# ANTLR ends every rule with an unreachable "goto errorExit", so that the label
# counts as used. Without either where it is not, go vet is content.
awk '
	/^func / { flush() }
	{ body[++n] = $0; if (/goto errorExit/ && !/Trick to prevent/) used = 1 }
	END { flush() }
	function flush(  i) {
		for (i = 1; i <= n; i++)
			if (body[i] !~ /Trick to prevent/ && (used || body[i] !~ /^errorExit:/)) print body[i]
		n = 0; used = 0
	}' "$out/gen/cep_parser.go" >"$out/parser" && mv "$out/parser" "$out/gen/cep_parser.go"
gofmt -w "$out"/gen/*.go

page() {
	if ! command -v npm >/dev/null 2>&1; then
		[ "${CI:-}" != true ] || { echo 'the web page cannot be built without npm' >&2; exit 1; }
		echo 'ui/dist is not looked at: there is no npm'
		return
	fi
	cd ../../ui
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent
	node scripts/build.mjs "$1"
}

if [ "${1:-}" = --check ]; then
	diff -r gen "$out/gen" && echo "query/parse/gen is current"
	page "$out/dist"
	[ ! -d "$out/dist" ] || { diff -r dist "$out/dist" && echo "ui/dist is current"; }
else
	rm -rf gen && mv "$out/gen" gen
	page dist
fi
