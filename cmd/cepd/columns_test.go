package main

import "testing"

// TestAddedColumns gives a table a column while a query reads it: the table shows it and
// names the query, whose savepoint is restored with the columns that it had, until a
// replacement takes them up.
func TestAddedColumns(t *testing.T) {
	t.Chdir(t.TempDir())
	writeTestFile(t, "q.sql", numbersSQL)
	writeTestFile(t, "all.sql", "INSERT INTO b /*+ NAME('all') */ SELECT * FROM a;")
	writeTestFile(t, "named.sql", "INSERT INTO b /*+ NAME('named') */ SELECT x FROM a;")
	writeTestFile(t, "alter.sql", "ALTER TABLE a ADD (note STRING COMMENT 'since May');")
	writeTestFile(t, "next.sql", "INSERT INTO b SELECT x FROM a WHERE note IS NOT NULL;")
	address, stop := testServer(t, "data")
	server := func(args ...string) []string { return append(args, "--server", address) }
	expect(t, "exit 0\nquery numbers runs\n", server("query", "submit", "q.sql")...)
	expect(t, "exit 0\nquery all runs\n", server("query", "submit", "all.sql")...)
	runs(t, "all", address)
	contains(t, server("query", "submit", "alter.sql"), "exit 0")
	contains(t, server("query", "submit", "alter.sql"), "exit 1", `two columns are named "note"`)
	shown := []string{"note    STRING", "since then: ALTER TABLE a ADD (note STRING COMMENT 'since May')",
		"without the last columns, until they are replaced (cepd query replace NAME FILE): numbers, all"}
	contains(t, server("table", "show", "a"), shown...)
	contains(t, server("savepoint", "create", "all", "--name", "s"), "exit 0")
	contains(t, server("query", "drop", "all"), "exit 0")
	contains(t, server("savepoint", "restore", "s"), "exit 0", "query all runs")
	runs(t, "all", address)
	contains(t, server("table", "show", "a"), shown...)
	contains(t, server("query", "submit", "named.sql", "--from-savepoint", "s"), "exit 1", "another text of the query, or of the tables it reads") // it would know the column
	stop()

	address, stop = testServer(t, "data")
	defer stop()
	runs(t, "all", address)
	contains(t, server("table", "show", "a"), shown...)
	contains(t, server("query", "replace", "all", "next.sql"), "exit 0")
	contains(t, server("table", "show", "a"), "(cepd query replace NAME FILE): numbers\n")
}
