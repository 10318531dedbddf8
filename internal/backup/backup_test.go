package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/cepd/cepd/internal/clock"
	"github.com/cepd/cepd/internal/s3test"
)

const secret = "hush-hush-key"

// places runs a test on a folder and, through HTTP, on a store that speaks S3.
func places(t *testing.T, test func(t *testing.T, r *Repository, now *clock.Manual)) {
	t.Run("folder", func(t *testing.T) {
		now := clockOf()
		test(t, open(t, "file://"+t.TempDir()+"/backups", now), now)
	})
	t.Run("s3", func(t *testing.T) {
		now := clockOf()
		test(t, open(t, s3Server(t), now), now)
	})
	t.Run("S3 gateway", func(t *testing.T) {
		now := clockOf()
		test(t, open(t, gateway(t), now), now)
	})
}

func clockOf() *clock.Manual {
	now := &clock.Manual{}
	now.Advance(1_000_000 * time.Second)
	return now
}

// s3Server is the URL of an empty bucket.
func s3Server(t *testing.T) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "me")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	return "s3://bucket/deep/prefix?region=eu-1&endpoint=" + server.URL
}

// gateway is the URL of an empty bucket of another kind of server.
func gateway(t *testing.T) string {
	t.Helper()
	s := s3test.Start(t)
	s.Bucket("bucket")
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	return "s3://bucket/deep/prefix?region=us-east-1&endpoint=" + s.URL
}

func open(t *testing.T, url string, now *clock.Manual) *Repository {
	t.Helper()
	r, err := Open(context.Background(), url, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tree is a directory with files.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func create(t *testing.T, r *Repository, now *clock.Manual, files map[string]string) *Backup {
	t.Helper()
	now.Advance(time.Second)
	b, err := r.Create(context.Background(), Source{Dir: tree(t, files), Cepd: "v1", Queries: []string{"q"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	first  = map[string]string{"registry.json": "{}", "state/000001.sst": strings.Repeat("a", 100_000), "state/MANIFEST-1": "one", "empty": ""}
	second = map[string]string{"registry.json": "{ }", "state/000001.sst": strings.Repeat("a", 100_000), "state/000002.sst": "b", "state/MANIFEST-1": "two"}
)

func TestBackups(t *testing.T) {
	places(t, func(t *testing.T, r *Repository, now *clock.Manual) {
		ctx := context.Background()
		if _, err := r.Latest(ctx); err == nil {
			t.Error("an empty repository has a backup")
		}
		one, two := create(t, r, now, first), create(t, r, now, second)
		if one.NewBytes != 100_005 || two.NewBytes != 7 || two.Bytes != 100_007 {
			t.Errorf("new bytes: %d, %d of %d", one.NewBytes, two.NewBytes, two.Bytes)
		}
		r = open(t, r.url, now)
		list, broken, err := r.List(ctx)
		if err != nil || len(broken) > 0 || len(list) != 2 || list[0].ID != one.ID || list[1].ID != two.ID {
			t.Fatal(list, broken, err)
		}
		for id, files := range map[string]map[string]string{one.ID: first, two.ID: second} {
			if _, err := r.Verify(ctx, id); err != nil {
				t.Error(err)
			}
			checkRestore(t, r, id, files)
		}
		p, err := r.Prune(ctx, 1)
		if err != nil || len(p.Backups) != 1 || p.Backups[0] != one.ID || p.Objects != 2 {
			t.Errorf("%+v, %v", p, err)
		}
		if latest, err := r.Latest(ctx); err != nil || latest != two.ID {
			t.Errorf("%s, %v", latest, err)
		}
		checkRestore(t, r, two.ID, second)
		if _, err := r.Restore(ctx, one.ID, filepath.Join(t.TempDir(), "x"), nil); err == nil {
			t.Error("a backup that was pruned is restored")
		}
	})
}

func checkRestore(t *testing.T, r *Repository, id string, files map[string]string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new", "data")
	if _, err := r.Restore(context.Background(), id, dir, nil); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		rel, _ := filepath.Rel(dir, name)
		content, err := os.ReadFile(name)
		if string(content) != files[rel] {
			t.Errorf("%s differs", rel)
		}
		return err
	})
	if err != nil || n != len(files) {
		t.Errorf("%d files, %v", n, err)
	}
	if _, err := r.Restore(context.Background(), id, dir, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over what is there: %v", err)
	}
}

// Every object and manifest that is changed, shortened or gone is found, and
// nothing is left of the restore.
func TestDamagedBackups(t *testing.T) {
	places(t, func(t *testing.T, r *Repository, now *clock.Manual) {
		ctx := context.Background()
		b := create(t, r, now, first)
		var names []string
		for _, prefix := range []string{objects, manifests} {
			if err := r.store.list(ctx, prefix, func(name string) error { names = append(names, name); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if len(names) != 4 {
			t.Fatal(names)
		}
		for _, name := range names {
			good, err := r.read(ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			bad := [][]byte{nil, append(good[:len(good):len(good)], 'x')}
			if len(good) > 0 {
				flipped := append([]byte{}, good...)
				flipped[len(good)/2] ^= 4
				bad = append(bad, flipped, good[:len(good)-1])
			}
			for i, content := range bad {
				if i == 0 {
					err = r.store.remove(ctx, name)
				} else {
					err = r.putText(ctx, name, content)
				}
				if err != nil {
					t.Fatal(err)
				}
				parent := t.TempDir()
				_, verified := r.Verify(ctx, b.ID)
				_, restored := r.Restore(ctx, b.ID, filepath.Join(parent, "data"), nil)
				if verified == nil || restored == nil {
					t.Errorf("%s, damage %d: verify %v, restore %v", name, i, verified, restored)
				}
				if left, _ := os.ReadDir(parent); len(left) > 0 {
					t.Errorf("%s is left of a restore that failed", left)
				}
			}
			if err := r.putText(ctx, name, good); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Verify(ctx, b.ID); err != nil {
			t.Error(err)
		}
	})
}

// One process writes at a time; one that has died is passed over.
func TestLock(t *testing.T) {
	places(t, func(t *testing.T, r *Repository, now *clock.Manual) {
		ctx := context.Background()
		l, err := r.lock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Create(ctx, Source{Dir: tree(t, first)}); !errors.Is(err, ErrLocked) {
			t.Error(err)
		}
		now.Advance(10 * time.Minute)
		if err := l.renew(ctx); err != nil {
			t.Error(err)
		}
		now.Advance(10 * time.Minute)
		if _, err := r.Prune(ctx, 1); !errors.Is(err, ErrLocked) {
			t.Error(err)
		}
		now.Advance(10 * time.Minute)
		create(t, r, now, first)
		if err := l.renew(ctx); err == nil {
			t.Error("a lock that was taken over is renewed")
		}
		if err := l.release(ctx); err != nil {
			t.Error(err)
		}
		create(t, r, now, second)
	})
}

// Objects without a backup, of a process that died, are swept.
func TestPruneSweepsWhatADeadProcessLeft(t *testing.T) {
	places(t, func(t *testing.T, r *Repository, now *clock.Manual) {
		ctx := context.Background()
		b := create(t, r, now, first)
		if err := r.putText(ctx, objects+"ab/"+strings.Repeat("ab", 32), []byte("left")); err != nil {
			t.Fatal(err)
		}
		if p, err := r.Prune(ctx, 5); err != nil || len(p.Backups) != 0 || p.Objects != 1 {
			t.Errorf("%+v, %v", p, err)
		}
		checkRestore(t, r, b.ID, first)
	})
}

func TestNewerRepository(t *testing.T) {
	places(t, func(t *testing.T, r *Repository, now *clock.Manual) {
		if err := r.putText(context.Background(), markerName, []byte(`{"version":9}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(context.Background(), r.url, now); err == nil || !strings.Contains(err.Error(), "version 9") || !strings.Contains(err.Error(), fmt.Sprint("version ", Version)) {
			t.Error(err)
		}
	})
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"/folder": "file:///folder", "file://here": "file:///folder", "s3://": "bucket", "s3://b?x=y": "endpoint and region",
		"s3://user:pw@b/p": "AWS_ACCESS_KEY_ID", "s3://b?endpoint=ftp://x": "http://", "gs://b": "s3://bucket/prefix",
	} {
		if _, err := Open(context.Background(), url, &clock.Manual{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pw@") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// Credentials go to the server in signatures only.
func TestSecretsAreNotKept(t *testing.T) {
	now := clockOf()
	r := open(t, s3Server(t), now)
	create(t, r, now, first)
	ctx := context.Background()
	err := r.store.list(ctx, "", func(name string) error {
		f, err := r.store.get(ctx, name)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(f)
		if strings.Contains(string(text), secret) {
			t.Errorf("%s has the secret", name)
		}
		return errors.Join(err, f.Close())
	})
	if err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	if _, err := Open(ctx, "s3://bucket", now); err == nil || strings.Contains(err.Error(), secret) {
		t.Error(err)
	}
}
