package jdbc

import (
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/duration"
)

const (
	optURL      = "url"
	optTable    = "table-name"
	optUser     = "username"
	optPassword = "password"
	optDriver   = "driver"
	optBatch    = "lookup.batch-size"
)

// The options of a table that is written.
const (
	optGuarantee = "sink.delivery-guarantee"
	optPrefix    = "sink.transactional-id-prefix"
	optMarks     = "sink.marks-table"
	optRows      = "sink.buffer-flush.max-rows"
	optTimeout   = "sink.delivery-timeout"
)

const (
	defaultBatch = 128
	defaultRows  = 1000
)

type connector struct{}

// New is the connector 'jdbc'.
func New() connectors.Connector { return connector{} }

func (connector) Name() string                        { return "jdbc" }
func (connector) Metadata() []connectors.MetadataSpec { return nil }

func (connector) Options() []connectors.OptionSpec {
	return append([]connectors.OptionSpec{
		{Name: optURL, Required: true, Doc: "jdbc:postgresql://host:port/database or jdbc:sqlite:path; jdbc: may be left out.", Check: checkURL},
		{Name: optTable, Required: true, Doc: "The table, with its schema where it needs one."},
		{Name: optUser, Doc: "To log in with."},
		{Name: optPassword, Secret: true, Doc: "To log in with."},
		{Name: optDriver, Doc: "Taken for Flink's sake; the URL says what the database is."},
		{Name: optBatch, Default: "128", Doc: "Keys in one question.", Check: connectors.CheckInt(1, 1000)},
		{Name: optGuarantee, Default: "at-least-once", Values: []string{"at-least-once", "exactly-once"}, Doc: "at-least-once, or exactly-once: rows and how far they go in one transaction."},
		{Name: optPrefix, Default: "cepd", Doc: "With exactly-once: begin of the name that the place is recorded under, PREFIX-QUERY-TABLE. Two installations on one database need different ones."},
		{Name: optMarks, Default: "cepd_marks", Doc: "With exactly-once: the table that records how far each writer is. It is made if it is not there."},
		{Name: optRows, Default: "1000", Doc: "Rows in one transaction, at most.", Check: connectors.CheckInt(1, 100_000)},
		{Name: optTimeout, Default: "2 min", Doc: "How long writing is tried again before the query fails.", Check: checkTimeout},
	}, connectors.LookupSpecs()...)
}

func checkTimeout(value string) error {
	_, err := duration.Parse(value)
	return err
}

func (connector) Source(connectors.Table) (connectors.Source, error) {
	return nil, notRead
}

// Sink implements connectors.Connector.
func (connector) Sink(t connectors.Table) (connectors.Sink, error) {
	d, err := dialectOf(t.Options[optURL])
	if err != nil {
		return nil, connectors.OptionError{Key: optURL, Message: "option 'url': " + err.Error()}
	}
	source, err := d.source(t, true)
	if err != nil {
		return nil, connectors.OptionError{Key: optURL, Message: "option 'url': " + err.Error()}
	}
	return newSink(t, d, source)
}

var notRead = connectors.OptionError{Key: "connector", Message: "a table with 'connector' = 'jdbc' is not read, it is asked for the rows of a key", Hint: "write JOIN t FOR SYSTEM_TIME AS OF s.proc ON t.id = s.id"}

// Looker implements connectors.Asked.
func (connector) Looker(t connectors.Table, keys []connectors.Column) (connectors.Looker, error) {
	d, err := dialectOf(t.Options[optURL])
	if err != nil {
		return nil, connectors.OptionError{Key: optURL, Message: "option 'url': " + err.Error()}
	}
	source, err := d.source(t, false)
	if err != nil {
		return nil, connectors.OptionError{Key: optURL, Message: "option 'url': " + err.Error()}
	}
	return newLooker(t, d, source, keys)
}

func checkURL(value string) error {
	_, err := dialectOf(value)
	return err
}

// dialect is a kind of database.
type dialect struct {
	driver string // of database/sql
	prefix string // of the URL
	typed  bool   // parameters need their types
	source func(t connectors.Table, written bool) (string, error)
}

var dialects = []*dialect{
	{driver: "pgx", prefix: "postgresql:", typed: true, source: postgresSource},
	{driver: "pgx", prefix: "postgres:", typed: true, source: postgresSource},
	{driver: "sqlite", prefix: "sqlite:", source: sqliteSource},
}

func dialectOf(text string) (*dialect, error) {
	for _, d := range dialects {
		if strings.HasPrefix(strings.TrimPrefix(text, "jdbc:"), d.prefix) {
			return d, nil
		}
	}
	return nil, errors.New("expected jdbc:postgresql://host:port/database or jdbc:sqlite:path")
}

// postgresSource is the URL with user and password. Errors of a URL would show it.
func postgresSource(t connectors.Table, _ bool) (string, error) {
	u, err := url.Parse(strings.TrimPrefix(t.Options[optURL], "jdbc:"))
	if err != nil || u.Host == "" {
		return "", errors.New("expected jdbc:postgresql://host:port/database")
	}
	if u.User != nil {
		return "", errors.New("a name or password has no place in it: give 'username' and 'password'")
	}
	if user := t.Options[optUser]; user != "" {
		u.User = url.UserPassword(user, t.Options[optPassword])
	}
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		return "", errors.New("it is no URL of a PostgreSQL database")
	}
	if err := t.Access.CheckAddress(net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))); err != nil {
		return "", err
	}
	return u.String(), nil
}

// sqliteSource opens the file for reading alone, unless it is written; it has to be
// there.
func sqliteSource(t connectors.Table, written bool) (string, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(t.Options[optURL], "jdbc:"), "sqlite:")
	if path == "" || strings.ContainsAny(path, "?#") {
		return "", errors.New("expected jdbc:sqlite:path")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(t.Dir, path)
	}
	if t.Access.Confined() { // the driver opens it by itself
		flag := os.O_RDONLY
		if written {
			flag = os.O_RDWR
		}
		f, err := t.Access.OpenFile(path, flag, 0)
		if err != nil {
			return "", err
		}
		_ = f.Close()
	}
	mode := "ro"
	if written {
		mode = "rw&_txlock=immediate"
	}
	return "file:" + path + "?_pragma=busy_timeout(5000)&mode=" + mode, nil
}
