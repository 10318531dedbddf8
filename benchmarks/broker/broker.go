// Package broker runs a real Kafka broker for a benchmark, with
// scripts/kafka-broker: it needs Java 17 and Maven.
package broker

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	connector "github.com/cepd/cepd/connectors/kafka"
)

// Broker is a running broker, with its data in a temporary directory.
type Broker struct {
	Bootstrap string
	script    string
	dir       string // of the data; in a directory of its own
	topics    int
}

const startTimeout = 3 * time.Minute // the first time, the jars are downloaded

// Start runs a broker; root is the repository.
func Start(ctx context.Context, root string) (*Broker, error) {
	tmp, err := os.MkdirTemp("", "cepd-bench-kafka-")
	if err != nil {
		return nil, err
	}
	b := &Broker{script: filepath.Join(root, "scripts", "kafka-broker", "kafka.sh"), dir: filepath.Join(tmp, "broker")}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := b.run(ctx, "start", b.dir); err != nil {
		os.RemoveAll(tmp)
		return nil, err
	}
	return b, b.readEnv()
}

// run runs the script. Its output goes to a file: the broker outlives it and
// would keep a pipe open.
func (b *Broker) run(ctx context.Context, args ...string) error {
	log, err := os.CreateTemp("", "cepd-bench-kafka-log-")
	if err != nil {
		return err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	cmd := exec.CommandContext(ctx, "bash", append([]string{b.script}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "KAFKA_JIT=-XX:+UseG1GC", "KAFKA_HEAP=-Xmx1g -Xms512m")
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("kafka.sh %s: %w\n%s", args[0], err, text)
	}
	return nil
}

func (b *Broker) readEnv() error {
	text, err := os.ReadFile(filepath.Join(b.dir, "env"))
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "KAFKA_BOOTSTRAP="); ok {
			b.Bootstrap = v
		}
	}
	return nil
}

// Topic creates a topic whose records stay: event times lie years back, and the
// broker would delete them.
func (b *Broker) Topic(ctx context.Context, partitions int) (string, error) {
	b.topics++
	name := fmt.Sprintf("bench-%d", b.topics)
	return name, connector.CreateTopic(ctx, b.Bootstrap, name, partitions, map[string]string{"retention.ms": "-1"})
}

// Stop ends the broker and deletes its data.
func (b *Broker) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := b.run(ctx, "stop", b.dir)
	if rm := os.RemoveAll(filepath.Dir(b.dir)); err == nil {
		err = rm
	}
	return err
}
