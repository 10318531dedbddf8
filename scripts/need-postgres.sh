#!/bin/sh
# Makes sure that PostgreSQL is there: the tests run servers of their own with it.
# Installs it where it may (root on Debian or Ubuntu), without a server that runs
# beside them; says what is missing elsewhere.
set -eu
have() {
	command -v postgres >/dev/null 2>&1 && command -v initdb >/dev/null 2>&1 ||
		ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1
}
have && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo 'installing PostgreSQL'
	mkdir -p /etc/postgresql-common
	[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends postgresql >/dev/null
	have && exit 0
fi
echo 'make: PostgreSQL is needed to test reading and writing it; install it (Debian: apt-get install postgresql) and try again.' >&2
[ "${CI:-}" = true ] && exit 1
echo 'make: going on without: the tests with PostgreSQL will be skipped.' >&2
