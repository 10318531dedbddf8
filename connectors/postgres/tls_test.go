package postgres

import (
	"strings"
	"testing"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/remote/remotetest"
	"github.com/cepd/cepd/internal/postgrestest"
)

// testTLS reads over TLS, and says what is wrong with a certificate.
func testTLS(t *testing.T, s *postgrestest.Server) {
	ca := remotetest.NewAuthority(t)
	cert, key, signer := ca.ServerFiles(t, "db.example")
	s.Down()
	s.Up("ssl=on", "ssl_cert_file="+s.File("server.pem", cert), "ssl_key_file="+s.File("server.key", key), "ssl_ca_file="+s.File("signer.pem", signer))
	w := newWorld(t, s, "CREATE TABLE t (id bigint PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'one')")
	encrypted := func() string {
		return w.text("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND datname = $1 AND application_name LIKE 'cepd%'", w.name)
	}
	for name, options := range map[string][]string{
		"verified": append(ca.Options(), optTLS, tlsFull, "tls.server-name", "db.example"),
		"required": {optTLS, "require"},
	} {
		x := w.read(w.table(idName, "id", append(options, optSlot, "tls_"+name)...), connectors.Start)
		x.reaches(idNames)
		if n := encrypted(); n != "2" {
			t.Errorf("%s: %s connections are encrypted", name, n)
		}
		_ = x.r.Close()
		w.until("the connections stay", func() bool { return encrypted() == "0" })
		w.logs = newLogs(t)
	}
	for want, options := range map[string][]string{
		"unknown authority": append(remotetest.NewAuthority(t).Options(), optTLS, tlsFull, "tls.server-name", "db.example"),
		"not other.example": append(ca.Options(), optTLS, tlsFull, "tls.server-name", "other.example"),
		"cannot validate":   append(ca.Options(), optTLS, tlsFull),
	} {
		x := w.read(w.table(idName, "id", options...), connectors.Start)
		if got := x.fails(); !strings.Contains(got, want) || !strings.Contains(got, "'tls.ca.location'") {
			t.Errorf("%s: %s", want, got)
		}
		_ = x.r.Close()
		w.logs = newLogs(t)
	}
}
