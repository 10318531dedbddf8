package postgres

import (
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/connectors/pushed"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/state/intake"
)

// The options, under Flink CDC's names where it has them, and Debezium's.
const (
	optHost        = "hostname"
	optPort        = "port"
	optUser        = "username"
	optPassword    = "password"
	optDatabase    = "database-name"
	optSchema      = "schema-name"
	optTable       = "table-name"
	optSlot        = "slot.name"
	optPlugin      = "decoding.plugin.name"
	optPublication = "publication.name"
	optAutocreate  = "publication.autocreate.mode"
	optStartup     = "scan.startup.mode"
	optChunk       = "scan.incremental.snapshot.chunk.size"
	optHeartbeat   = "heartbeat.interval.ms"
	optTruncate    = "truncate.handling.mode"
	optTLS         = "sslmode"
)

const (
	plugin           = "pgoutput"
	modeInitial      = "initial"
	modeLatest       = "latest-offset"
	modeEarliest     = "earliest-offset"
	modeTimestamp    = "timestamp"
	createFiltered   = "filtered"
	createDisabled   = "disabled"
	truncateFail     = "fail"
	truncateSkip     = "skip"
	tlsFull          = "verify-full"
	defaultPort      = 5432
	defaultChunk     = 8096
	defaultHeartbeat = 10 * time.Second
)

type connector struct{ hub *pushed.Hub }

// New is the connector 'postgres-cdc', whose tables keep what comes in logs; nil: in
// memory.
func New(logs *intake.Logs) connectors.Connector { return connector{pushed.NewHub(logs)} }

func (connector) Name() string { return formats.PostgresCDC }

// The keys of metadata columns that are not in every connector.
const (
	metaOp       = "op"
	metaLSN      = "lsn"
	metaTime     = "op_ts"
	metaDatabase = "database_name"
	metaSchema   = "schema_name"
	metaTable    = "table_name"
)

func (connector) Metadata() []connectors.MetadataSpec {
	return append(pushed.Metadata(), []connectors.MetadataSpec{
		{Key: metaOp, Type: event.TString}, {Key: metaLSN, Type: event.TInt64}, {Key: metaTime, Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}},
		{Key: metaDatabase, Type: event.TString}, {Key: metaSchema, Type: event.TString}, {Key: metaTable, Type: event.TString},
	}...)
}

var specs = []connectors.OptionSpec{
	{Name: optHost, Required: true, Doc: "The server."},
	{Name: optPort, Default: "5432", Doc: "Its port.", Check: connectors.CheckInt(1, 65535)},
	{Name: optUser, Required: true, Doc: "To log in with; the role needs REPLICATION, and SELECT on the table."},
	{Name: optPassword, Secret: true, Doc: "To log in with."},
	{Name: optDatabase, Required: true, Doc: "The database."},
	{Name: optSchema, Default: "public", Doc: "The schema of the table."},
	{Name: optTable, Required: true, Doc: "The table; one, not a pattern."},
	{Name: optSlot, Required: true, Doc: "The replication slot, which is made if it is not there. Each table of cepd needs its own.", Check: checkSlot},
	{Name: optPlugin, Default: plugin, Values: []string{plugin}, Doc: "What decodes the changes: pgoutput, which PostgreSQL has itself."},
	{Name: optPublication, Doc: "The publication that has the table. Default: named as the slot."},
	{Name: optAutocreate, Default: createFiltered, Values: []string{createFiltered, createDisabled}, Doc: "Whether a publication that is not there is made, of this table: filtered, or disabled."},
	{Name: optChunk, Default: "8096", Doc: "Rows that are read at once of what is there at the beginning.", Check: connectors.CheckInt(1, 100_000)},
	{Name: optHeartbeat, Default: "10 s", Doc: "How often the server is told how far the changes are in the log.", Check: checkHeartbeat},
	{Name: optTruncate, Default: truncateFail, Values: []string{truncateFail, truncateSkip}, Doc: "What becomes of a TRUNCATE, which tells no rows: the queries fail, or it is passed over."},
	{Name: optTLS, Default: "prefer", Values: []string{"disable", "allow", "prefer", "require", "verify-ca", tlsFull}, Doc: "TLS, as libpq has it."},
}

// Options implements connectors.Connector. Where to start is of the log, but for
// initial.
func (connector) Options() []connectors.OptionSpec {
	list := append([]connectors.OptionSpec{}, specs...)
	for _, s := range pushed.Specs("") {
		if s.Name == optStartup {
			s.Default, s.Doc = modeInitial, "initial: the rows that are there, then what changes. latest-offset: what changes from now on. earliest-offset, timestamp: what is kept of that."
			s.Check = connectors.CheckOneOf(modeInitial, modeEarliest, modeLatest, modeTimestamp)
		}
		list = append(list, s)
	}
	return append(list, remote.TLSSpecs()...)
}

var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

func checkSlot(value string) error {
	if !slotName.MatchString(value) {
		return fmt.Errorf("expected up to 63 of a-z, 0-9 and _, found '%s'", value)
	}
	return nil
}

func checkHeartbeat(value string) error {
	d, err := duration.Parse(value)
	if err == nil && (d < 100*time.Millisecond || d > time.Minute) {
		err = fmt.Errorf("expected 100 ms to 1 min, found '%s'", value)
	}
	return err
}

// Source implements connectors.Connector.
func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	if t.Options[optStartup] == "" {
		t.Options = maps.Clone(t.Options)
		t.Options[optStartup] = modeInitial
	}
	cfg, err := newConfig(t)
	if err != nil {
		return nil, err
	}
	return c.hub.Source(t, &receiver{config: cfg})
}

// Sink implements connectors.Connector.
func (connector) Sink(connectors.Table) (connectors.Sink, error) {
	return nil, connectors.OptionError{Key: "connector", Message: "a table with 'connector' = 'postgres-cdc' is read only", Hint: "'connector' = 'jdbc' writes to PostgreSQL"}
}

// History implements connectors.Historian.
func (connector) History(options map[string]string, from, to time.Time) {
	pushed.History(options, from, to)
}

func optionFault(key, format string, args ...any) error {
	return connectors.OptionError{Key: key, Message: fmt.Sprintf("option '%s' ", key) + fmt.Sprintf(format, args...)}
}

// option is a table's, or its default.
func option(t connectors.Table, key string) string {
	if v := t.Options[key]; v != "" {
		return v
	}
	i := slices.IndexFunc(specs, func(s connectors.OptionSpec) bool { return s.Name == key })
	return specs[i].Default
}

// declared are the columns of the record, with those that are read.
func declared(t connectors.Table) []connectors.Column {
	list := t.Physical
	if len(list) == 0 {
		list = t.Columns
	}
	return slices.DeleteFunc(slices.Clone(list), func(c connectors.Column) bool { return c.Metadata != "" })
}

// checkStart refuses to read rows that are there where they could not be told apart.
func checkStart(t connectors.Table) error {
	if mode := t.Options[optStartup]; len(t.Key) == 0 && (mode == "" || mode == modeInitial) {
		return connectors.OptionError{Key: optStartup, Missing: mode == "",
			Message: fmt.Sprintf("'%s' = '%s' takes a table with a primary key, by which the rows that are there are read", optStartup, modeInitial),
			Hint:    fmt.Sprintf("declare PRIMARY KEY (…) NOT ENFORCED, or set '%s' = '%s' for a stream of the rows that are inserted", optStartup, modeLatest)}
	}
	return nil
}

func address(t connectors.Table) (string, error) {
	host := t.Options[optHost]
	if host == "" || strings.ContainsAny(host, "/@? ") {
		return "", optionFault(optHost, "is the name or address of a server")
	}
	a := net.JoinHostPort(host, option(t, optPort))
	return a, t.Access.CheckAddress(a)
}
