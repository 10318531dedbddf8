// Package kafkatest gives tests a real Kafka broker: the one at
// CEPD_TEST_KAFKA (a bootstrap address), or one that it starts itself with
// scripts/kafka-broker, once per test binary.
//
//	func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }
//
//	func TestRead(t *testing.T) {
//		b := kafkatest.Broker(t)
//		topic := b.Topic(t, 4)
package kafkatest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	connector "github.com/cepd/cepd/connectors/kafka"
	"github.com/cepd/cepd/internal/cepdtest"
)

// Kafka is a running broker.
type Kafka struct {
	Bootstrap string // plaintext
	// With Secure:
	SASLBootstrap, User, Password, CA   string
	SSLBootstrap, ClientCert, ClientKey string // wants the certificate; files
	Expired, Misnamed, BadCA            string // TLS with certificates that are no good; BadCA trusts them

	dir     string // of the broker; "" when it is not ours
	proxied string // addresses behind a proxy, separated by commas
	heap    string // of each node; "": the script's choice
}

const startTimeout = 5 * time.Minute // the first time, the jars are downloaded

var shared struct {
	sync.Mutex
	plain, secure *Kafka
	skip          string // why there is none
}

// Main runs the tests and stops the brokers they started.
func Main(m *testing.M) int {
	code := m.Run()
	for _, k := range []*Kafka{shared.plain, shared.secure} {
		if k != nil {
			k.remove()
		}
	}
	return code
}

// remove ends a broker of ours and leaves nothing of it. The tests' result
// stands, whatever comes of it.
func (k *Kafka) remove() {
	if k.Own() {
		_, _ = k.script("stop", k.dir)
		os.RemoveAll(filepath.Dir(k.dir))
	}
}

// Broker is the test binary's broker. Without Java and Maven the test is
// skipped, or fails where the environment has CI=true.
func Broker(t testing.TB) *Kafka {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if boot := os.Getenv("CEPD_TEST_KAFKA"); boot != "" {
		return &Kafka{Bootstrap: boot}
	}
	if shared.plain == nil {
		shared.plain = start(t, "")
	}
	return shared.plain
}

// Secure is a broker of its own with TLS, SASL and client certificates, also
// once per test binary.
func Secure(t testing.TB) *Kafka {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.secure == nil {
		shared.secure = start(t, "", "-s")
	}
	return shared.secure
}

func start(t testing.TB, heap string, flags ...string) *Kafka {
	t.Helper()
	if testing.Short() {
		t.Skip("a real Kafka broker is not for -short")
	}
	if shared.skip == "" {
		shared.skip = missing()
	}
	if shared.skip != "" {
		giveUp(t, shared.skip)
	}
	tmp, err := os.MkdirTemp("", "cepd-kafka-")
	if err != nil {
		t.Fatal(err)
	}
	k := &Kafka{dir: filepath.Join(tmp, "broker"), heap: heap}
	if slices.Contains(flags, "-s") {
		k.ClientCert, k.ClientKey = clientCertificate(t, tmp)
		badCertificates(t, tmp)
	}
	out, err := k.script(append(append([]string{"start"}, flags...), k.dir)...)
	if err != nil {
		k.remove()
		t.Fatalf("kafka broker: %v", err)
	}
	k.readEnv(out)
	k.BadCA = filepath.Join(tmp, "bad-ca.pem")
	return k
}

func missing() string {
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return "a real Kafka broker needs " + program + ": " + err.Error()
		}
	}
	return ""
}

func giveUp(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// script runs scripts/kafka-broker/kafka.sh.
func (k *Kafka) script(args ...string) ([]byte, error) {
	path, err := scriptPath()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", append([]string{path}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Env = os.Environ()
	if k.ClientCert != "" {
		cmd.Env = append(cmd.Env, "KAFKA_CLIENT_CERT="+k.ClientCert, "KAFKA_BAD_CERTS="+filepath.Dir(k.ClientCert))
	}
	if k.heap != "" {
		cmd.Env = append(cmd.Env, "KAFKA_HEAP="+k.heap)
	}
	cmd.WaitDelay = time.Second
	// The broker outlives the script and must not hold its output open.
	out, err := os.CreateTemp("", "cepd-kafka-out-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("kafka.sh %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return os.ReadFile(out.Name())
}

func scriptPath() (string, error) {
	root, err := cepdtest.Root()
	return filepath.Join(root, "scripts", "kafka-broker", "kafka.sh"), err
}

func (k *Kafka) readEnv(env []byte) {
	values := map[string]*string{
		"KAFKA_BOOTSTRAP": &k.Bootstrap, "KAFKA_SASL_BOOTSTRAP": &k.SASLBootstrap,
		"KAFKA_USER": &k.User, "KAFKA_PASSWORD": &k.Password, "KAFKA_CA": &k.CA, "KAFKA_SSL_BOOTSTRAP": &k.SSLBootstrap,
		"KAFKA_EXPIRED_BOOTSTRAP": &k.Expired, "KAFKA_MISNAMED_BOOTSTRAP": &k.Misnamed, "KAFKA_PROXIED": &k.proxied,
	}
	lines := bufio.NewScanner(bytes.NewReader(env))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), "=")
		if to := values[name]; to != nil {
			*to = value
		}
	}
}

// DataDir is where the first broker keeps its logs; "" when it is not ours.
func (k *Kafka) DataDir() string {
	if k.dir == "" {
		return ""
	}
	return filepath.Join(k.dir, "1", "data")
}

// Kill ends the broker with SIGKILL; Up starts it again on its data and port.
// Only for a broker that kafkatest started.
func (k *Kafka) Kill(t testing.TB) { k.control(t, "kill") }

// Up starts a killed broker again and waits until it serves.
func (k *Kafka) Up(t testing.TB) { k.control(t, "up") }

// Own says whether the broker may be killed.
func (k *Kafka) Own() bool { return k.dir != "" }

func (k *Kafka) control(t testing.TB, verb string, node ...string) {
	t.Helper()
	if !k.Own() {
		t.Skip("the broker of CEPD_TEST_KAFKA is not ours to " + verb)
	}
	if _, err := k.script(append([]string{verb, k.dir}, node...)...); err != nil {
		t.Fatal(err)
	}
}

// Tool runs a command-line class of Kafka with stdin and returns its stdout.
func (k *Kafka) Tool(t testing.TB, stdin string, class string, args ...string) string {
	t.Helper()
	if why := missing(); why != "" {
		giveUp(t, why)
	}
	path, err := scriptPath()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", append([]string{path, "tool", class}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", class, err, stderr.Bytes())
	}
	return string(out)
}

var topicNumber atomic.Int64

// Topic creates a topic of n partitions whose records stay, whatever their
// time. settings are more of its configuration, name and value in turn.
func (k *Kafka) Topic(t testing.TB, n int, settings ...string) string {
	t.Helper()
	name := fmt.Sprintf("t%d-%d-%s", os.Getpid(), topicNumber.Add(1), topicSafe(t.Name()))
	config := map[string]string{"retention.ms": "-1"}
	for i := 0; i < len(settings); i += 2 {
		config[settings[i]] = settings[i+1]
	}
	if err := connector.CreateTopic(context.Background(), k.Bootstrap, name, n, config); err != nil {
		t.Fatal(err)
	}
	return name
}

func topicSafe(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, name)
}
