package api

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/internal/backup"
	"github.com/cepd/cepd/internal/clock"
)

// NewBackup asks for a backup.
type NewBackup struct {
	To string `json:"to,omitempty" doc:"file:///folder or s3://bucket/prefix; default: the place in the server's configuration" maxLength:"1024"`
}

// UseBackups says where backups go that name no place.
func (s *Service) UseBackups(url string) { s.backups = url }

// Backup copies the state of all queries, the registry and the savepoints as
// they are at one moment. Queries go on meanwhile.
func (s *Service) Backup(ctx context.Context, n *NewBackup) (*backup.Backup, error) {
	to := n.To
	if to == "" {
		to = s.backups
	}
	switch {
	case s.dir == "":
		return nil, badRequest("a backup needs a data directory: start the server with --data-dir")
	case to == "":
		return nil, badRequest("where to? Name a place (to), or have the server's configuration name one (backup)")
	}
	repo, err := backup.Open(ctx, to, clock.Wall{})
	if err != nil {
		return nil, badRequest("%v", err)
	}
	dir, err := os.MkdirTemp(s.dir, checkpointName+"*")
	if err != nil {
		return nil, err
	}
	queries, err := s.checkpoint(dir)
	var b *backup.Backup
	if err == nil {
		b, err = repo.Create(ctx, backup.Source{Dir: dir, Cepd: s.runner.Version(), Queries: queries})
	}
	if err = errors.Join(err, os.RemoveAll(dir)); errors.Is(err, backup.ErrLocked) {
		err = conflict("%v", err)
	}
	if err == nil {
		s.log.Info("backup written", "id", b.ID, "to", to, "bytes", b.Bytes, "new_bytes", b.NewBytes)
	}
	return b, err
}

// checkpointName begins the names of copies in a data directory that are being
// backed up.
const checkpointName = ".backup-"

// checkpoint makes dir what a crash at this moment would leave of the data
// directory. No query is started or dropped meanwhile.
func (s *Service) checkpoint(dir string) (queries []string, err error) {
	s.changes.Lock()
	defer s.changes.Unlock()
	if err := s.runner.Checkpoint(filepath.Join(dir, stateDir)); err != nil {
		return nil, err
	}
	for _, st := range s.statements() {
		if st.Kind == kindQuery {
			queries = append(queries, st.Name)
		}
	}
	if text, err := os.ReadFile(s.registry.file); err == nil {
		if err := os.WriteFile(filepath.Join(dir, registryName), text, 0o600); err != nil {
			return nil, err
		}
	}
	return queries, LinkSavepoints(s.dir, dir)
}

// LinkSavepoints gives another directory the savepoints of a data directory.
func LinkSavepoints(from, to string) error {
	list, err := filepath.Glob(string(SavepointDir(from)) + "/*")
	if err != nil || len(list) == 0 {
		return err
	}
	if err := os.MkdirAll(string(SavepointDir(to)), 0o700); err != nil {
		return err
	}
	for _, file := range list {
		if strings.HasPrefix(filepath.Base(file), ".") {
			continue
		}
		if err := os.Link(file, filepath.Join(string(SavepointDir(to)), filepath.Base(file))); err != nil {
			return err
		}
	}
	return nil
}

// sweepCheckpoints deletes what a process has left that died during a backup.
func sweepCheckpoints(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, checkpointName+"*"))
	for _, d := range left {
		err = errors.Join(err, os.RemoveAll(d))
	}
	return err
}

func registerBackups(api huma.API, s *Service) {
	create := operation(http.MethodPost, "/v1/backups", "create-backup", "Copy the state of all queries, the registry and the savepoints to a folder or bucket", http.StatusCreated)
	create.Middlewares = huma.Middlewares{unhurried}
	huma.Register(api, create, func(ctx context.Context, in *body[NewBackup]) (*body[*backup.Backup], error) {
		return answer(s.Backup(ctx, &in.Body))
	})
}
