package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/cepd/cepd/api"
	"github.com/cepd/cepd/engine"
	"github.com/cepd/cepd/internal/backup"
	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/state/pebblestore"
)

func newBackup(g *global) *cobra.Command {
	f := &queryFlags{}
	c := &cobra.Command{
		Use: "backup", Short: "Back up a data directory, list, check, prune and restore backups", Args: noArgs,
		Long: `A backup is a copy of a data directory: the state of all queries, the registry and
the savepoints, as they were at one moment. It goes to a folder (file:///folder) or
to an S3 bucket (s3://bucket/prefix, with ?endpoint=URL&region=NAME for other stores
than Amazon's). Files that are there are not copied again.

Credentials for S3 come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from the
file AWS_SHARED_CREDENTIALS_FILE, or from the machine's role.`,
		Example: `  cepd backup create --to s3://backups/cepd
  cepd backup create --to file:///mnt/backups --data-dir state
  cepd backup list --from s3://backups/cepd
  cepd backup verify --from s3://backups/cepd
  cepd backup restore --from s3://backups/cepd --data-dir /var/lib/cepd-new --sinks deduplicate
  cepd backup prune --from s3://backups/cepd --keep 14`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&f.output, "output", "text", "text, or json for programs")
	c.PersistentPreRunE = func(*cobra.Command, []string) error { return checkOutput(f.output) }
	c.AddCommand(newBackupCreate(g, f), newBackupList(g, f), newBackupVerify(g, f), newBackupPrune(g, f), newBackupRestore(g, f))
	return c
}

func newBackupCreate(g *global, f *queryFlags) *cobra.Command {
	var to, dataDir string
	c := &cobra.Command{
		Use: "create", Short: "Back up a running server, or a data directory that nobody uses", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b := &backup.Backup{}
			var err error
			if dataDir == "" {
				err = f.callLong(c.Context(), http.MethodPost, "/v1/backups", api.NewBackup{To: to}, b)
			} else {
				b, err = backUpOffline(c.Context(), dataDir, to)
			}
			if err != nil {
				return err
			}
			return f.print(g.std.out, b, func(w io.Writer) { printBackup(w, b) })
		},
	}
	c.Flags().StringVar(&to, "to", "", "file:///folder or s3://bucket/prefix (default: the place in the server's configuration)")
	f.add(c.Flags())
	c.Flags().StringVar(&dataDir, "data-dir", "", "in place of a server: a data directory that no process uses")
	return c
}

func printBackup(w io.Writer, b *backup.Backup) {
	fmt.Fprintf(w, "backup %s: %d files, %d bytes, %d of them new; queries: %s\n", b.ID, len(b.Files), b.Bytes, b.NewBytes, strings.Join(b.Queries, ", "))
}

// stateOf is the directory with the state in a data directory: that of a server
// has it in state.
func stateOf(dataDir string) (string, error) {
	for _, dir := range []string{filepath.Join(dataDir, "state"), dataDir} {
		if found, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*")); err == nil && len(found) > 0 {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%s has no state: %w", dataDir, fs.ErrNotExist)
}

// openState opens the state in a data directory that no process uses.
func openState(dataDir string, o pebblestore.Options) (*pebblestore.Store, string, error) {
	dir, err := stateOf(dataDir)
	if err != nil {
		return nil, "", err
	}
	s, err := pebblestore.Open(dir, o)
	return s, dir, err
}

func backUpOffline(ctx context.Context, dataDir, to string) (b *backup.Backup, err error) {
	if to == "" {
		return nil, usagef("--to is missing: file:///folder or s3://bucket/prefix")
	}
	repo, err := backup.Open(ctx, to, clock.Wall{})
	if err != nil {
		return nil, err
	}
	store, dir, err := openState(dataDir, pebblestore.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	copied, err := os.MkdirTemp(dataDir, ".backup-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(copied)) }()
	names, err := copyOffline(store, dataDir, dir, copied)
	if err != nil {
		return nil, err
	}
	return repo.Create(ctx, backup.Source{Dir: copied, Cepd: version, Queries: names})
}

// copyOffline makes a directory a copy of a data directory.
func copyOffline(store *pebblestore.Store, dataDir, dir, to string) (names []string, err error) {
	if names, err = engine.StateNames(store); err != nil {
		return nil, err
	}
	if dir == dataDir { // of cepd run: the state is all there is
		if err := os.Remove(to); err != nil {
			return nil, err
		}
		return names, store.Checkpoint(to)
	}
	if err := store.Checkpoint(filepath.Join(to, filepath.Base(dir))); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dataDir, "registry.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "registry.json"), text, 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return names, api.LinkSavepoints(dataDir, to)
}

// repositoryFlags name a backup.
type repositoryFlags struct{ from, id string }

func (r *repositoryFlags) add(c *cobra.Command, id bool) {
	c.Flags().StringVar(&r.from, "from", "", "where the backups are: file:///folder or s3://bucket/prefix")
	if id {
		c.Flags().StringVar(&r.id, "id", "", "backup, as cepd backup list shows it (default: the latest)")
	}
}

// open finds the repository, and the latest backup where none is named.
func (r *repositoryFlags) open(ctx context.Context, id bool) (*backup.Repository, error) {
	if r.from == "" {
		return nil, usagef("--from is missing: file:///folder or s3://bucket/prefix")
	}
	repo, err := backup.Open(ctx, r.from, clock.Wall{})
	if err == nil && id && r.id == "" {
		r.id, err = repo.Latest(ctx)
	}
	return repo, err
}

func newBackupList(g *global, f *queryFlags) *cobra.Command {
	var r repositoryFlags
	c := &cobra.Command{
		Use: "list", Short: "List backups, the oldest first", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			repo, err := r.open(c.Context(), false)
			if err != nil {
				return err
			}
			list, broken, err := repo.List(c.Context())
			if err != nil {
				return err
			}
			err = f.print(g.std.out, list, func(w io.Writer) {
				var rows [][]string
				for _, b := range list {
					rows = append(rows, []string{b.ID, strconv.FormatInt(b.Bytes, 10), strconv.FormatInt(b.NewBytes, 10), b.Cepd, strings.Join(b.Queries, " ")})
				}
				table(w, []string{"id", "bytes", "new", "cepd", "queries"}, rows)
			})
			return errors.Join(append(broken, err)...)
		},
	}
	r.add(c, false)
	return c
}

func newBackupVerify(g *global, f *queryFlags) *cobra.Command {
	var r repositoryFlags
	c := &cobra.Command{
		Use: "verify", Short: "Read a backup and check all its sums", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			repo, err := r.open(c.Context(), true)
			if err != nil {
				return err
			}
			b, err := repo.Verify(c.Context(), r.id)
			if err != nil {
				return err
			}
			return f.print(g.std.out, b, func(w io.Writer) {
				fmt.Fprintf(w, "backup %s is whole: %d files, %d bytes\n", b.ID, len(b.Files), b.Bytes)
			})
		},
	}
	r.add(c, true)
	return c
}

func newBackupPrune(g *global, f *queryFlags) *cobra.Command {
	var r repositoryFlags
	var keep int
	c := &cobra.Command{
		Use: "prune", Short: "Delete all but the newest backups", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if keep < 1 {
				return usagef("--keep is missing: how many of the newest backups stay")
			}
			repo, err := r.open(c.Context(), false)
			if err != nil {
				return err
			}
			p, err := repo.Prune(c.Context(), keep)
			if err != nil {
				return err
			}
			return f.print(g.std.out, p, func(w io.Writer) {
				fmt.Fprintf(w, "%d backups deleted, %d files that no other has\n", len(p.Backups), p.Objects)
			})
		},
	}
	r.add(c, false)
	c.Flags().IntVar(&keep, "keep", 0, "how many of the newest backups stay")
	return c
}

func newBackupRestore(g *global, f *queryFlags) *cobra.Command {
	var r repositoryFlags
	var dataDir, sinks string
	c := &cobra.Command{
		Use: "restore", Short: "Make a new data directory of a backup", Args: noArgs,
		Long: `restore fills a directory that is not there yet, or empty. Start the server, or
cepd run, with it: sources are read on from where they were at the backup, so they
must still have what came since. What at-least-once sinks got after the backup comes
again, with the same ids. Exactly-once sinks have rows that the backup does not know
of: --sinks says what becomes of them. See docs/operations.md.`,
		RunE: func(c *cobra.Command, _ []string) error {
			choice, err := engine.ParseSinks(sinks)
			if err != nil {
				return usageError{err}
			}
			if dataDir == "" {
				return usagef("--data-dir is missing: the directory to make")
			}
			repo, err := r.open(c.Context(), true)
			if err != nil {
				return err
			}
			b, err := repo.Restore(c.Context(), r.id, dataDir, nil)
			if err == nil {
				_, err = chooseSinks(dataDir, nil, choice, b.Created)
			}
			if err != nil {
				return err
			}
			return f.print(g.std.out, b, func(w io.Writer) {
				fmt.Fprintf(w, "%s has what was there on %s: %d bytes, queries %s\n", dataDir, b.Created.Format(time.RFC3339), b.Bytes, strings.Join(b.Queries, ", "))
			})
		},
	}
	r.add(c, true)
	c.Flags().StringVar(&dataDir, "data-dir", "", "directory to make")
	sinksFlag(c, &sinks)
	return c
}

// backupSchedule backs a server up at intervals.
type backupSchedule struct {
	config  backupConfig
	service *api.Service
	log     func(msg string, args ...any)
	last    prometheus.Gauge
	failed  prometheus.Counter
}

func newBackupSchedule(s *server, c backupConfig) *backupSchedule {
	b := &backupSchedule{config: c, service: s.service, log: s.log.Error,
		last:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "cepd_backup_last_success_timestamp_seconds", Help: "When the last scheduled backup was whole."}),
		failed: prometheus.NewCounter(prometheus.CounterOpts{Name: "cepd_backup_failures_total", Help: "Scheduled backups that failed."}),
	}
	s.metrics.MustRegister(b.last, b.failed)
	return b
}

// run makes backups until the context ends.
func (b *backupSchedule) run(ctx context.Context) {
	if b.config.Every == 0 {
		return
	}
	t := time.NewTicker(b.config.Every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := b.once(ctx); err == nil {
			b.last.SetToCurrentTime()
		} else if ctx.Err() == nil {
			b.failed.Inc()
			b.log("scheduled backup failed", "to", b.config.To, "error", err)
		}
	}
}

func (b *backupSchedule) once(ctx context.Context) error {
	if _, err := b.service.Backup(ctx, &api.NewBackup{}); err != nil {
		return err
	}
	if b.config.Keep == 0 {
		return nil
	}
	repo, err := backup.Open(ctx, b.config.To, clock.Wall{})
	if err == nil {
		_, err = repo.Prune(ctx, b.config.Keep)
	}
	return err
}
