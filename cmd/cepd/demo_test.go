package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// locked is a buffer that is read while it is written.
type locked struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// TestDemoLive plays stories on a server until each rule has found something, asks
// why, and ends it as Ctrl-C does. One is of views, one of files and a statement set.
func TestDemoLive(t *testing.T) {
	for name, rules := range map[string][]string{
		"inventory":   {"release"},
		"loans":       {"undecided", "early", "done"},
		"clickstream": {"conversions", "bots", "rejects"},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			defer http.DefaultClient.CloseIdleConnections()
			var out, errs locked
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := make(chan int, 1)
			dir := filepath.Join(t.TempDir(), "new")
			go func() {
				args := []string{"demo", name, "--serve", "--all", "--speed", "2000000", "--listen", "127.0.0.1:0", "--data-dir", dir}
				done <- execute(ctx, args, stdio{in: strings.NewReader(""), out: &out, err: &errs})
			}()
			for _, r := range rules {
				waitFor(t, func() bool { return strings.Contains(out.String(), "FOUND  "+r) })
			}
			address := regexp.MustCompile(`http://[^/]+`).FindString(errs.String())
			if page := body(t, address+"/"); !strings.Contains(page, "<html") {
				t.Errorf("the page is %.100s", page)
			}
			if name == "inventory" {
				askWhy(t, address+"/v1/queries/release")
			}
			cancel()
			if code := <-done; code != 0 {
				t.Errorf("exit %d: %s", code, &errs)
			}
			for _, r := range rules {
				row := regexp.MustCompile(`(?m)^` + r + ` +[0-9]+ +[1-9][0-9]* +[0-9]+ +0 +0 `) // found, no false alarms, nothing twice
				if !row.MatchString(out.String()) {
					t.Errorf("%s is not in the count, or wrong ones are:\n%s", r, &out)
				}
			}
			if files, _ := filepath.Glob(filepath.Join(dir, "files/lake/silver/*/*/*.parquet")); name == "clickstream" && len(files) == 0 {
				t.Error("the silver layer has no files")
			}
			again := execute(t.Context(), []string{"demo", name, "--serve", "--data-dir", dir}, stdio{in: strings.NewReader(""), out: &out, err: &errs})
			if again != exitUsage || !strings.Contains(errs.String(), "name a new folder") {
				t.Errorf("exit %d for a folder that is not empty: %s", again, &errs)
			}
		})
	}
}

// askWhy asks for the events of the newest detection of a query.
func askWhy(t *testing.T, query string) {
	t.Helper()
	var list struct {
		Detections []struct {
			ID string `json:"id"`
		} `json:"detections"`
	}
	if err := json.Unmarshal([]byte(body(t, query+"/detections?limit=1")), &list); err != nil || len(list.Detections) != 1 {
		t.Fatalf("%d detections: %v", len(list.Detections), err)
	}
	if why := body(t, query+"/why?detection="+list.Detections[0].ID); !strings.Contains(why, "reserved") {
		t.Errorf("why: %s", why)
	}
}

func body(t *testing.T, address string) string {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s: %v", address, r.Status, b, err)
	}
	return string(b)
}
