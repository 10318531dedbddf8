package kafkatest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Nodes is the number of brokers of a cluster; each is a controller, too.
const Nodes = 3

// nodeHeap is enough for tests, so that three fit on a small machine.
const nodeHeap = "-Xmx320m -Xms96m"

// ClusterOptions say where the brokers of a cluster run.
type ClusterOptions struct {
	Hosts  []string // address of each; none: 127.0.0.1
	Prefix string   // command that starts each broker, % for its number; "": none
	Fronts []string // host:port of each broker's proxy; none: no proxies
}

// Cluster is three brokers, replication 3, of which two must have a record.
// Nodes are numbered from 1.
type Cluster struct {
	*Kafka
	Proxied []string // with Fronts: what each node's proxy connects to
}

// StartCluster starts a cluster that ends with the test.
func StartCluster(t testing.TB, o ClusterOptions) *Cluster {
	t.Helper()
	flags := []string{"-n", strconv.Itoa(Nodes)}
	for flag, value := range map[string]string{"-a": strings.Join(o.Hosts, ","), "-x": o.Prefix, "-p": strings.Join(o.Fronts, ",")} {
		if value != "" {
			flags = append(flags, flag, value)
		}
	}
	k := start(t, nodeHeap, flags...)
	t.Cleanup(k.remove)
	return &Cluster{Kafka: k, Proxied: strings.Split(k.proxied, ",")}
}

// Fetch has the broker's jars downloaded, for a process without a network.
func Fetch() error {
	_, err := new(Kafka).script("fetch")
	return err
}

// KillNode ends a broker with SIGKILL; UpNode starts it again.
func (c *Cluster) KillNode(t testing.TB, id int) {
	t.Helper()
	c.control(t, "kill", strconv.Itoa(id))
}

// StopNode ends a broker in order: it hands over what it leads.
func (c *Cluster) StopNode(t testing.TB, id int) {
	t.Helper()
	c.control(t, "stop", strconv.Itoa(id))
}

// UpNode starts a broker again on its data and waits until it serves.
func (c *Cluster) UpNode(t testing.TB, id int) { t.Helper(); c.control(t, "up", strconv.Itoa(id)) }

// SignalNode sends a signal to a broker.
func (c *Cluster) SignalNode(t testing.TB, id int, s syscall.Signal) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.node(id), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("broker %d: %v", id, err)
	}
}

// Log is the path of a broker's log.
func (c *Cluster) Log(id int) string { return filepath.Join(c.node(id), "server.log") }

func (c *Cluster) node(id int) string { return filepath.Join(c.dir, strconv.Itoa(id)) }
