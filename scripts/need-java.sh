#!/bin/sh
# Makes sure that Java 17 and Maven are there: the tests start a real Kafka
# broker and check the generated parser with them. Installs them where it may
# (root on Debian or Ubuntu), says what is missing elsewhere.
set -eu
have() {
	command -v mvn >/dev/null 2>&1 && command -v java >/dev/null 2>&1 &&
		[ "$(java -version 2>&1 | sed -n '1s/[^"]*"\([0-9]*\).*/\1/p')" -ge 17 ]
}
have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo 'installing Java 17 and Maven'
	apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends openjdk-17-jdk-headless maven >/dev/null
	have && exit 0
fi
echo 'make: Java 17 or newer and Maven are needed for the Kafka tests; install them (Debian: apt-get install openjdk-17-jdk-headless maven) and try again.' >&2
[ "${CI:-}" = true ] && exit 1
echo 'make: going on without: the Kafka tests will be skipped.' >&2
