package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote"
	"github.com/cepd/cepd/internal/duration"
)

const (
	dialTimeout = 10 * time.Second
	maxWire     = 64 << 20 // bytes of a message of the protocol
	leastMajor  = 14       // the first PostgreSQL whose pgoutput gives messages
)

// config is what a table says.
type config struct {
	table       connectors.Table
	columns     []connectors.Column // of the record
	address     string
	conn        *pgconn.Config // of questions; that of replication has one parameter more
	slot        string
	publication string
	snapshot    bool // the rows that are there are read first
	chunk       int
	heartbeat   time.Duration
	log         *slog.Logger
}

func newConfig(t connectors.Table) (*config, error) {
	c := &config{table: t, columns: declared(t), slot: t.Options[optSlot], publication: t.Options[optPublication], chunk: int(t.Int(optChunk, defaultChunk)),
		heartbeat: defaultHeartbeat, log: remote.Logger(t.Log, "postgres-cdc")}
	if c.publication == "" {
		c.publication = c.slot
	}
	if d, err := duration.Parse(t.Options[optHeartbeat]); err == nil {
		c.heartbeat = d
	}
	mode := t.Options[optStartup]
	c.snapshot = mode == "" || mode == modeInitial
	if err := errors.Join(checkStart(t), checkColumns(c.columns)); err != nil {
		return nil, err
	}
	var err error
	if c.address, err = address(t); err != nil {
		return nil, err
	}
	return c, c.connection()
}

// connection makes the settings of connections. Values come as text, in forms that
// do not depend on the server's configuration.
func (c *config) connection() error {
	t := c.table
	u := url.URL{Scheme: "postgresql", Host: c.address, Path: "/" + t.Options[optDatabase], User: url.UserPassword(t.Options[optUser], t.Options[optPassword])}
	u.RawQuery = url.Values{"sslmode": {option(t, optTLS)}, "connect_timeout": {strconv.Itoa(int(dialTimeout / time.Second))}}.Encode()
	conn, err := pgconn.ParseConfig(u.String())
	if err != nil { // it may show the password
		return errors.New("the options of the connection make no sense together: hostname, port, username, password, database-name, sslmode")
	}
	conn.DialFunc = t.Access.DialContext
	conn.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil } // Access looks it up
	conn.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		f := pgproto3.NewFrontend(r, w)
		f.SetMaxBodyLen(maxWire)
		return f
	}
	conn.RuntimeParams = map[string]string{"application_name": "cepd " + t.Name, "client_encoding": "UTF8", "datestyle": "ISO", "timezone": "UTC", "intervalstyle": "iso_8601",
		"bytea_output": "hex", "extra_float_digits": "1", "standard_conforming_strings": "on"}
	c.conn = conn
	return c.certificates()
}

// certificates has TLS as the options of files say, which the policy lets read.
func (c *config) certificates() error {
	if !slices.ContainsFunc(remote.TLSSpecs(), func(s connectors.OptionSpec) bool { return c.table.Options[s.Name] != "" }) {
		return nil
	}
	if option(c.table, optTLS) != tlsFull {
		return optionFault(optTLS, "= '%s' goes with tls.…", tlsFull)
	}
	own, err := remote.ClientTLS(c.table, true)
	if err != nil {
		return err
	}
	if own.ServerName == "" {
		own.ServerName = c.conn.Host
	}
	c.conn.TLSConfig, c.conn.Fallbacks = own, nil
	return nil
}

// dial connects.
func (c *config) dial(ctx context.Context, replication bool) (*pgconn.PgConn, error) {
	settings := c.conn.Copy()
	if replication {
		settings.RuntimeParams["replication"] = "database"
	}
	conn, err := pgconn.ConnectConfig(ctx, settings)
	if err != nil {
		return nil, err
	}
	version := conn.ParameterStatus("server_version")
	digits, _, _ := strings.Cut(version, ".")
	if major, err := strconv.Atoi(digits); err == nil && major < leastMajor {
		_ = conn.Close(ctx)
		return nil, final("the server is PostgreSQL %s; 'postgres-cdc' needs %d or later", version, leastMajor)
	}
	return conn, nil
}

// finalError is one that another attempt does not cure.
type finalError struct {
	text string
	err  error
}

func (e *finalError) Error() string { return e.text }
func (e *finalError) Unwrap() error { return e.err }

func final(format string, args ...any) error {
	return &finalError{text: fmt.Sprintf(format, args...)}
}

// passing are the SQLSTATEs, or their classes, of what another attempt may cure:
// lost connections, a server that stops or starts, too many connections, a slot that
// a connection of before still holds, a lock or serialization that failed.
var passing = []string{"08", "57", "40", "53300", "55006", "55P03", "58", "XX"}

// remedies are by SQLSTATE.
var remedies = map[string]string{
	"28P01": "'username' and 'password' are to be right",
	"3D000": "'database-name' is to be right",
	"42501": "the role needs REPLICATION (ALTER ROLE … REPLICATION), SELECT on the table, and, to make the publication, to own the table and CREATE on the database",
	"53400": "raise max_replication_slots, or drop slots that nobody reads",
	"55000": "the slot is of no use any more: drop it and the table of cepd, and create the table again, which reads the rows anew",
}

// judge says whether an error ends the queries, and what helps.
func (c *config) judge(err error) error {
	var known *finalError
	if err == nil || errors.As(err, &known) {
		return err
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return final("the certificate of PostgreSQL at %s is not taken: %v; 'tls.ca.location' says who signs it, 'tls.server-name' whose name it has", c.address, untrusted.Err)
	}
	var large *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &large) {
		return final("the server sends %d bytes at once, more than the %d that are taken", large.ActualBodyLen, large.MaxExpectedBodyLen)
	}
	var p *pgconn.PgError
	if !errors.As(err, &p) || slices.ContainsFunc(passing, func(s string) bool { return strings.HasPrefix(p.Code, s) }) {
		return err
	}
	text := fmt.Sprintf("PostgreSQL at %s: %s (SQLSTATE %s)", c.address, p.Message, p.Code)
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	remedy := remedies[p.Code]
	if strings.Contains(p.Message, "publication") && p.Code == "42704" {
		remedy = "the publication has to be there before the slot is made: create it, drop the slot, and create the table of cepd again"
	}
	if remedy != "" {
		text += "; " + remedy
	}
	return &finalError{text, err}
}

func isFinal(err error) bool {
	var f *finalError
	return errors.As(err, &f)
}

// timedOut says that nothing came in time, and the connection is well.
func timedOut(err error) bool {
	var n net.Error
	return pgconn.Timeout(err) || errors.As(err, &n) && n.Timeout()
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// rows are the answers to a question, as text; nil is NULL.
func rows(ctx context.Context, conn *pgconn.PgConn, sql string, args ...string) ([][][]byte, error) {
	values := make([][]byte, len(args))
	for i := range args {
		values[i] = []byte(args[i])
	}
	r := conn.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	return r.Rows, r.Err
}
