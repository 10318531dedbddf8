package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// relation is the table in PostgreSQL.
type relation struct {
	oid   uint32
	name  string   // quoted, with its schema
	names []string // of the columns, in the order of those declared
	types []uint32
	key   []int // of those declared
	// filter is the condition of the rows that the publication tells; "": all.
	filter string
}

// list are columns for SQL.
func (r *relation) list(columns []int) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoted(r.names[c])
	}
	return strings.Join(names, ", ")
}

// inspect finds the table, and says what it lacks.
func (c *config) inspect(ctx context.Context, conn *pgconn.PgConn) (*relation, error) {
	schema, table := option(c.table, optSchema), c.table.Options[optTable]
	list, err := rows(ctx, conn, `SELECT current_setting('wal_level'), c.oid, c.relkind, c.relreplident FROM (SELECT) AS one
LEFT JOIN (pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1) ON c.relname = $2`, schema, table)
	if err != nil {
		return nil, err
	}
	level, oid, kind, identity := string(list[0][0]), list[0][1], string(list[0][2]), string(list[0][3])
	r := &relation{name: quoted(schema) + "." + quoted(table)}
	switch {
	case level != "logical":
		return nil, final("the server has wal_level = %s: set wal_level = logical in its configuration and restart it", level)
	case oid == nil:
		return nil, final("there is no table %s in database %s", r.name, c.table.Options[optDatabase])
	case kind != "r" && kind != "p":
		return nil, final("%s is no table whose changes PostgreSQL tells", r.name)
	}
	n, err := strconv.ParseUint(string(oid), 10, 32)
	if err != nil {
		return nil, err
	}
	r.oid = uint32(n)
	return r, c.findColumns(ctx, conn, r, identity)
}

// column is one of PostgreSQL.
type column struct {
	name, typ, element string // element: of an array
	oid                uint32
	identity           bool // it tells rows apart, and comes with each change
}

const columnsSQL = `SELECT a.attname, b.typname, COALESCE(e.typname, ''), b.oid, COALESCE(a.attnum = ANY(i.indkey), false)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_type b ON b.oid = COALESCE(NULLIF(t.typbasetype, 0), t.oid)
LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND CASE $2 WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum`

func (c *config) findColumns(ctx context.Context, conn *pgconn.PgConn, r *relation, identity string) error {
	list, err := rows(ctx, conn, columnsSQL, strconv.FormatUint(uint64(r.oid), 10), identity)
	if err != nil {
		return err
	}
	var found []column
	for _, row := range list {
		oid, err := strconv.ParseUint(string(row[3]), 10, 32)
		if err != nil {
			return err
		}
		found = append(found, column{string(row[0]), string(row[1]), string(row[2]), uint32(oid), string(row[4]) == "t"})
	}
	for _, d := range c.columns {
		i := find(found, d.Name)
		if i < 0 {
			return final("table %s has no column %s (or it is generated, which is not told)", r.name, d.Name)
		}
		x := found[i]
		if !fits(d.Type, x.typ, x.element) {
			return final("column %s of table %s is %s, which is not read as %s; STRING takes any", d.Name, r.name, strings.TrimPrefix(x.typ, "_"), d.Type)
		}
		if slices.Contains(c.table.Key, d.Name) {
			r.key = append(r.key, len(r.names))
			if !x.identity && identity != "f" {
				return final("column %s is of the PRIMARY KEY that is declared, and not of the replica identity of table %s, so deletes do not tell it: declare the key that the table has, or ALTER TABLE %s REPLICA IDENTITY FULL", d.Name, r.name, r.name)
			}
		}
		r.names, r.types = append(r.names, x.name), append(r.types, x.oid)
	}
	return nil
}

// find is a column by its name, as it is or as SQL without quotes has it; -1: none.
func find(list []column, name string) int {
	if i := slices.IndexFunc(list, func(x column) bool { return x.name == name }); i >= 0 {
		return i
	}
	return slices.IndexFunc(list, func(x column) bool { return x.name == strings.ToLower(name) })
}

// publish sees to the publication. It has to be there before the slot.
func (c *config) publish(ctx context.Context, conn *pgconn.PgConn, r *relation) error {
	what := "insert, update, delete, truncate"
	if len(c.table.Key) == 0 {
		what = "insert"
	}
	list, err := rows(ctx, conn, `SELECT p.pubinsert, p.pubupdate AND p.pubdelete, t.tablename IS NOT NULL, COALESCE(to_jsonb(t) ->> 'rowfilter', '') FROM pg_publication p
LEFT JOIN pg_publication_tables t ON t.pubname = p.pubname AND t.schemaname = $2 AND t.tablename = $3 WHERE p.pubname = $1`, c.publication, option(c.table, optSchema), c.table.Options[optTable])
	if err != nil {
		return err
	}
	create := fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE %s WITH (publish = '%s', publish_via_partition_root = true)", quoted(c.publication), r.name, what)
	switch {
	case len(list) > 0 && string(list[0][2]) != "t":
		return final("publication %s has not table %s: ALTER PUBLICATION %s ADD TABLE %s (a partitioned one takes publish_via_partition_root)", c.publication, r.name, quoted(c.publication), r.name)
	case len(list) > 0 && (string(list[0][0]) != "t" || len(c.table.Key) > 0 && string(list[0][1]) != "t"):
		return final("publication %s leaves out changes: ALTER PUBLICATION %s SET (publish = '%s')", c.publication, quoted(c.publication), what)
	case len(list) > 0:
		r.filter = string(list[0][3])
		return nil
	case c.table.Options[optAutocreate] == createDisabled:
		return final("there is no publication %s: %s", c.publication, create)
	}
	_, err = conn.Exec(ctx, create).ReadAll()
	return err
}

// takeSlot finds the slot, or makes it where nothing has been read yet, and gives
// how far it has been confirmed.
func (s *session) takeSlot(ctx context.Context) (pglogrepl.LSN, error) {
	list, err := rows(ctx, s.ask, `SELECT plugin, database, wal_status, confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1`, s.slot)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		if s.mark != nil {
			return 0, final("replication slot %s is not there any more, and with it what has changed since %s: %s", s.slot, s.mark.end, anew)
		}
		return s.makeSlot(ctx)
	}
	x := list[0]
	confirmed, err := pglogrepl.ParseLSN(string(x[3]))
	switch {
	case string(x[0]) != plugin || string(x[1]) != s.table.Options[optDatabase]:
		return 0, final("replication slot %s is of database %s and plugin %s: choose another 'slot.name'", s.slot, x[1], x[0])
	case string(x[2]) == "lost":
		return 0, final("replication slot %s has been invalidated: the server has removed the WAL it needs (max_slot_wal_keep_size). Drop the slot; %s", s.slot, anew)
	case err != nil:
		return 0, err
	case s.mark != nil && confirmed > s.mark.end:
		return 0, final("replication slot %s has been read up to %s, and the log of the table up to %s: what lies between is lost (another reader of the slot, one that was made anew, a backup that was restored). Drop the slot; %s", s.slot, confirmed, s.mark.end, anew)
	}
	return confirmed, nil
}

const anew = "drop the table of cepd and create it again, which reads the rows anew"

// makeSlot makes the slot. The server waits for the transactions that are open.
func (s *session) makeSlot(ctx context.Context) (pglogrepl.LSN, error) {
	stop := after(s.heartbeat, func() {
		s.log.Warn("the replication slot is made when the transactions that are open in the database have ended", "slot", s.slot)
	})
	defer stop()
	made, err := pglogrepl.CreateReplicationSlot(ctx, s.repl, s.slot, plugin, pglogrepl.CreateReplicationSlotOptions{Mode: pglogrepl.LogicalReplication, SnapshotAction: "NOEXPORT_SNAPSHOT"})
	if err != nil {
		return 0, err
	}
	s.log.Info("replication slot made", "slot", s.slot, "from", made.ConsistentPoint)
	return pglogrepl.ParseLSN(made.ConsistentPoint)
}
