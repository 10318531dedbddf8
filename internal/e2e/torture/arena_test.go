package torture

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cepd/cepd/internal/kafkatest"
)

// The addresses of the arena.
const (
	bridgeHost = "10.77.0.254"
	cepdHost   = "10.77.0.100"
	cepdNS     = "cepd"
)

func brokerNS(id int) string   { return fmt.Sprintf("broker%d", id) }
func brokerHost(id int) string { return fmt.Sprintf("10.77.0.%d", id) }

// insideArena tells the second run of the test where it is.
const insideArena = "CEPD_TORTURE_ARENA"

const noArena = 99 // exit code: the namespaces cannot be made

// arenaScript makes the arena and runs the test in it. bash is the first process
// of its process namespace: it takes over what its children leave behind, and
// all end with it.
const arenaScript = `node() { # name address
  ip netns add "$1" && ip link add "to-$1" type veth peer name eth0 netns "$1" && ip link set "to-$1" master bridge up &&
    ip -n "$1" addr add "$2/24" dev eth0 && ip -n "$1" link set eth0 up && ip -n "$1" link set lo up
}
mount --make-rprivate / && mount -t proc proc /proc && mount -t tmpfs tmpfs /run && ip link set lo up &&
  ip link add bridge type bridge && ip addr add 10.77.0.254/24 dev bridge && ip link set bridge up &&
  node broker1 10.77.0.1 && node broker2 10.77.0.2 && node broker3 10.77.0.3 && node cepd 10.77.0.100 || exit 99
"$@"
exit $?`

// enter runs the test again in an arena; done is false where it has to run here.
func enter() (code int, done bool) {
	if os.Getenv(insideArena) != "" || testing.Short() {
		return 0, false
	}
	if err := kafkatest.Fetch(); err != nil { // there is no network in there
		return 0, false // starting the cluster will say why
	}
	runtime.LockOSThread() // the arena ends with the thread that made it
	cmd := exec.Command("bash", append([]string{"-c", arenaScript, "arena"}, os.Args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideArena+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && (!errors.As(err, &exit) || exit.ExitCode() == noArena) {
		fmt.Fprintln(os.Stderr, "no namespaces here:", err)
		return 0, false
	}
	return cmd.ProcessState.ExitCode(), true
}

// network breaks the ways between the namespaces of an arena.
type network struct {
	t      *testing.T
	broken [][]string // commands that heal
}

// lose has packets from one node to another vanish: they go to a hardware
// address that nobody has, so that the sender hears nothing, not even an error.
func (n *network) lose(fromNS, toHost string) {
	n.t.Helper()
	n.ip("-n", fromNS, "neigh", "replace", toHost, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent")
	n.broken = append(n.broken, []string{"ip", "-n", fromNS, "neigh", "del", toHost, "dev", "eth0"})
}

// slow makes what a node sends late and lossy: with netem where the kernel has
// it, otherwise by a narrow way whose queue overflows.
func (n *network) slow(ns string) (how string) {
	n.t.Helper()
	netem := []string{"-n", ns, "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "40ms", "20ms", "loss", "2%"}
	narrow := []string{"-n", ns, "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "3mbit", "burst", "8kb", "limit", "12kb"}
	how = "netem, 40±20 ms, 2 % lost"
	if exec.Command("tc", netem...).Run() != nil {
		how = "3 Mbit/s, queue of 12 kB"
		if out, err := exec.Command("tc", narrow...).CombinedOutput(); err != nil {
			n.t.Fatalf("tc %s: %v\n%s", strings.Join(narrow, " "), err, out)
		}
	}
	n.broken = append(n.broken, []string{"tc", "-n", ns, "qdisc", "del", "dev", "eth0", "root"})
	return how
}

// heal mends all.
func (n *network) heal() {
	n.t.Helper()
	for _, command := range n.broken {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			n.t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
		}
	}
	n.broken = nil
}

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
