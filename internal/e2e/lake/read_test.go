package lake

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/parquet-go/parquet-go"

	"github.com/cepd/cepd/internal/cepdtest"
)

// watching reads a folder, or a bucket, in which files appear, and writes what it
// finds, exactly once.
const watching = `SET 'sink.max-rows-per-second' = '30000';
CREATE TABLE events (n BIGINT NOT NULL, region STRING) PARTITIONED BY (region) WITH ('connector' = 'filesystem', 'format' = 'parquet',
  'source.monitor-interval' = '20 ms', 'scan.parallelism' = '2', %s);
CREATE TABLE lake (n BIGINT NOT NULL, region STRING) PARTITIONED BY (region) WITH ('connector' = 'filesystem', 'path' = 'lake', 'format' = 'parquet',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.rolling-policy.rollover-interval' = '40 ms');
INSERT INTO lake SELECT n, region FROM events;
`

// Killed again and again while files appear, in any order of their names, cepd has
// each of their rows in its own files once.
func TestKillsWhileFilesAppear(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for seconds; not with -short")
	}
	for place, begin := range map[string]func(t *testing.T, dir string) (options string, put func(name string, content []byte) error){"folder": inFolder, "bucket": inBucket} {
		t.Run(place, func(t *testing.T) {
			t.Logf("seed %d: repeat with -lake.seed=%d", *seed, *seed)
			dir := t.TempDir()
			options, put := begin(t, dir)
			if err := os.WriteFile(filepath.Join(dir, "q.sql"), fmt.Appendf(nil, watching, options), 0o600); err != nil {
				t.Fatal(err)
			}
			rnd := rand.New(rand.NewPCG(*seed, 2))
			stop, written := make(chan struct{}), make(chan error, 1)
			go func() { written <- write(rnd.Perm(files), put, stop) }()
			defer func() {
				select {
				case <-stop:
				default:
					close(stop)
				}
			}()
			kill := rand.New(rand.NewPCG(*seed, 3))
			for range min(*kills, 3) {
				run(t, dir, "q.sql", time.Duration(kill.Int64N(int64(longestRun))))
				count(t, dir, false)
			}
			if err := <-written; err != nil {
				t.Fatal(err)
			}
			toEnd(t, dir)
			t.Logf("%d rows of %d files in %d files", events, files, count(t, dir, true))
		})
	}
}

// files are those that appear; each has events/files rows.
const files = 120

// write makes the files, by their numbers in turn, while the killing goes on.
func write(order []int, put func(name string, content []byte) error, stop chan struct{}) error {
	pace := time.NewTicker(longestRun / files)
	defer pace.Stop()
	for _, i := range order {
		type row struct {
			N int64 `parquet:"n"`
		}
		var rows []row
		region := i % 4
		for k := range events / files {
			rows = append(rows, row{int64(4*(i/4*(events/files)+k) + region)})
		}
		var out bytes.Buffer
		if err := parquet.Write(&out, rows); err != nil {
			return err
		}
		if err := put(fmt.Sprintf("region=r%d/%03d.parquet", region, i), out.Bytes()); err != nil {
			return err
		}
		select {
		case <-pace.C:
		case <-stop:
			return nil
		}
	}
	return nil
}

func inFolder(_ *testing.T, dir string) (options string, put func(string, []byte) error) {
	return "'path' = 'in'", func(name string, content []byte) error {
		path := filepath.Join(dir, "in", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path+".new", content, 0o600); err != nil {
			return err
		}
		return os.Rename(path+".new", path)
	}
}

func inBucket(t *testing.T, _ string) (options string, put func(string, []byte) error) {
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	options = fmt.Sprintf("'path' = 's3://bucket/in', 's3.endpoint' = '%s', 's3.region' = 'x', 's3.access-key' = 'a', 's3.secret-key' = 'b'", server.URL)
	return options, func(name string, content []byte) error {
		_, err := backend.PutObject("bucket", "in/"+name, map[string]string{"Last-Modified": time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}, bytes.NewReader(content), int64(len(content)), nil)
		return err
	}
}

// toEnd runs cepd until all rows are there.
func toEnd(t *testing.T, dir string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(cepdtest.Program(t), "run", filepath.Join(dir, "q.sql"), "--data-dir", filepath.Join(dir, "state"))
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(3 * time.Minute)
	for !complete(t, dir) {
		select {
		case err := <-done:
			t.Fatalf("it ends: %v\n%s", err, &out)
		case <-deadline:
			_ = cmd.Process.Kill()
			<-done
			count(t, dir, true)
			t.Fatalf("it does not come to an end\n%s", &out)
		case <-look.C:
		}
	}
	_ = cmd.Process.Kill()
	<-done
}

// complete says whether there are as many rows as there should be.
func complete(t *testing.T, dir string) bool {
	t.Helper()
	rows := int64(0)
	names, err := filepath.Glob(filepath.Join(dir, "lake", "region=*", "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if p, err := parquet.OpenFile(f, info.Size()); err != nil {
			t.Fatal(err)
		} else if rows += p.NumRows(); strings.HasSuffix(name, ".part") {
			t.Fatal(name)
		}
		f.Close()
	}
	return rows >= events
}
