package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cepd/cepd/benchmarks/measure"
	stream "github.com/cepd/cepd/benchmarks/workload"
)

// script is the query; its columns are those of the records.
const script = `CREATE TABLE tx (ts BIGINT, card BIGINT, amount DOUBLE, country STRING, at AS TO_TIMESTAMP_LTZ(ts, 3), WATERMARK FOR at AS at) WITH (%s);
CREATE TABLE alerts (card BIGINT, at TIMESTAMP_LTZ(3), ts BIGINT, amount DOUBLE) WITH (%s);
INSERT INTO alerts /*+ NAME('q') */ SELECT * FROM tx MATCH_RECOGNIZE (
  PARTITION BY card ORDER BY at
  MEASURES B.at AS at, B.ts AS ts, B.amount AS amount
  PATTERN (A B) WITHIN INTERVAL '10' MINUTE
  DEFINE A AS A.amount < 10, B AS B.amount > 1000);`

func (s *session) kafka() string {
	return fmt.Sprintf(`'connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'format' = 'json', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'`,
		s.topic, s.broker.Bootstrap)
}

func (s *session) files(format string) string {
	return fmt.Sprintf(`'connector' = 'file', 'path' = '%s', 'format' = '%s'`, filepath.Join(s.dir, "*."+format), format)
}

// span is the flags for the time of all records: an event is a millisecond after
// the one before.
func (s *session) span() []string {
	at := func(n int) string { return time.UnixMilli(stream.Base + int64(n)).UTC().Format(time.RFC3339Nano) }
	return []string{"--from", at(0), "--to", at(s.events)}
}

// backtest runs cepd backtest.
func (s *session) backtest(ctx context.Context, source string, flags ...string) (r measure.Result, err error) {
	name := filepath.Join(s.dir, "backtest.sql")
	if err := os.WriteFile(name, fmt.Appendf(nil, script, source, "'connector' = 'blackhole'"), 0o600); err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, s.program, append([]string{"backtest", name, "--output", "json"}, flags...)...)
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return r, fmt.Errorf("%w: %s", err, failure.Bytes())
	}
	r.WallSeconds = time.Since(began).Seconds()
	cost(&r, cmd.ProcessState)
	var report struct {
		After struct{ Detections int }
	}
	err = json.Unmarshal(out.Bytes(), &report)
	r.Matches, r.Note = report.After.Detections, "cepd backtest; the whole process"
	return r, err
}

// cost is what a process took.
func cost(r *measure.Result, p *os.ProcessState) {
	r.CPUSeconds = (p.UserTime() + p.SystemTime()).Seconds()
	if u, ok := p.SysUsage().(*syscall.Rusage); ok {
		r.RSSMB = float64(u.Maxrss) / 1024
	}
}

// serve has a server with a data directory read the topic to its end, into
// another topic. Its time is that from the submission on.
func (s *session) serve(ctx context.Context, guarantee string) (r measure.Result, err error) {
	data, err := os.MkdirTemp(s.dir, "data-")
	if err != nil {
		return r, err
	}
	out, err := s.broker.Topic(ctx, partitions)
	if err != nil {
		return r, err
	}
	sink := fmt.Sprintf(`'connector' = 'kafka', 'topic' = '%s', 'properties.bootstrap.servers' = '%s', 'format' = 'json', 'key.fields' = 'card', 'sink.delivery-guarantee' = '%s'`,
		out, s.broker.Bootstrap, guarantee)
	if guarantee == "exactly-once" {
		sink += ", 'sink.transactional-id-prefix' = '" + out + "'"
	}
	address, err := freeAddress()
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, s.program, "serve", "--data-dir", data, "--listen", address)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	if err := cmd.Start(); err != nil {
		return r, err
	}
	err = s.watch(ctx, "http://"+address, fmt.Sprintf(script, s.kafka(), sink), &r)
	if err = errors.Join(err, cmd.Process.Signal(os.Interrupt), cmd.Wait()); err != nil {
		return r, fmt.Errorf("%w: %s", err, failure.Bytes())
	}
	cost(&r, cmd.ProcessState)
	r.Note = "cepd serve with a data directory, " + guarantee + " to a topic; the whole process"
	return r, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

const lookEvery = 10 * time.Millisecond

// watch submits the text and waits until its query has finished.
func (s *session) watch(ctx context.Context, server, text string, r *measure.Result) error {
	for get(ctx, server+"/readyz", nil) != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(lookEvery)
	}
	body, err := json.Marshal(map[string]string{"sql": text})
	if err != nil {
		return err
	}
	began := time.Now()
	if err := call(ctx, http.MethodPost, server+"/v1/queries", string(body), nil); err != nil {
		return err
	}
	for {
		var q struct {
			State, Error string
			Sinks        []struct{ Acknowledged int }
		}
		if err := get(ctx, server+"/v1/queries/q/status", &q); err != nil {
			return err
		}
		switch q.State {
		case "finished":
			r.WallSeconds, r.Matches = time.Since(began).Seconds(), q.Sinks[0].Acknowledged
			return nil
		case "failed":
			return errors.New(q.Error)
		}
		time.Sleep(lookEvery)
	}
}

func get(ctx context.Context, url string, into any) error {
	return call(ctx, http.MethodGet, url, "", into)
}

func call(ctx context.Context, method, url, body string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(text, into)
}
