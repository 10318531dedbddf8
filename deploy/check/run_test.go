package check

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// nonroot is the user of the image.
const nonroot = 65532

// TestContainerRuns makes the root of the container – the files that the
// Dockerfile copies, the volumes that the chart mounts, and nothing else – and
// starts the container's command in it as its user. The probes have to answer,
// and SIGTERM to end it in order.
func TestContainerRuns(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a change of root takes root")
	}
	binary := build(t)
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			text, err := render(values)
			if err != nil {
				t.Fatal(err)
			}
			found := objects(t, text)
			pod := &found["StatefulSet"].(*appsv1.StatefulSet).Spec.Template.Spec
			root := makeRoot(t, binary, pod, found["ConfigMap"].(*corev1.ConfigMap))
			serve(t, root, &pod.Containers[0])
		})
	}
}

// build runs the Dockerfile's own command line.
func build(t *testing.T) string {
	t.Helper()
	out := t.TempDir()
	line := strings.ReplaceAll(buildCommand(t), "/out/", out+"/")
	c := exec.Command("sh", "-ec", line)
	c.Dir = "../.."
	c.Env = append(os.Environ(), "VERSION=check", "TARGETOS=", "TARGETARCH=")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, text)
	}
	return filepath.Join(out, "cepd")
}

func makeRoot(t *testing.T, binary string, pod *corev1.PodSpec, config *corev1.ConfigMap) string {
	t.Helper()
	root, err := os.MkdirTemp("", "cepd-container-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, binary, root+readImage(t).entrypoint[0])
	for _, m := range pod.Containers[0].VolumeMounts {
		mount(t, root+m.MountPath, m, config, binary)
	}
	return root
}

// mount fills a volume as the cluster would.
func mount(t *testing.T, at string, m corev1.VolumeMount, config *corev1.ConfigMap, binary string) {
	t.Helper()
	switch m.Name {
	case "config":
		write(t, at, []byte(config.Data[m.SubPath]))
	case "tls":
		cert, key := certificate(t)
		write(t, at+"/tls.crt", cert)
		write(t, at+"/tls.key", key)
		write(t, at+"/ca.crt", cert)
	case "auth":
		file := filepath.Join(t.TempDir(), "tokens.json")
		if out, err := exec.Command(binary, "token", "create", "--name", "ci", "--file", file).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		copyFile(t, file, at+"/tokens.json")
	default:
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if m.ReadOnly {
			return
		}
		if err := os.Chown(at, nonroot, nonroot); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o444); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, text)
	if err := os.Chmod(to, 0o555); err != nil {
		t.Fatal(err)
	}
}

// certificate is one for localhost, signed by itself.
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cepd"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func serve(t *testing.T, root string, container *corev1.Container) {
	t.Helper()
	port := freePort(t)
	var log strings.Builder
	args := append(append([]string{}, container.Args...), fmt.Sprintf("--listen=0.0.0.0:%d", port))
	c := exec.Command(readImage(t).entrypoint[0], args...)
	c.Dir, c.Env, c.Stdout, c.Stderr = "/", []string{"TMPDIR=/tmp"}, &log, &log
	for _, e := range container.Env {
		c.Env = append(c.Env, e.Name+"="+e.Value)
	}
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: nonroot, Gid: nonroot}, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for _, p := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
		if err := probe(p, port, ended); err != nil {
			_ = c.Process.Kill()
			t.Fatalf("%v\n%s", err, log.String())
		}
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("did not end in order: %v\n%s", err, log.String())
		}
	case <-time.After(time.Minute):
		_ = c.Process.Kill()
		t.Fatal("SIGTERM does not end it")
	}
}

// probe asks until the answer is good, as a kubelet does.
func probe(p *corev1.Probe, port int, ended chan error) error {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} //nolint:gosec // a kubelet does not verify either
	url := fmt.Sprintf("%s://127.0.0.1:%d%s", strings.ToLower(string(p.HTTPGet.Scheme)), port, p.HTTPGet.Path)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var last error
	for again := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", url, last)
		case err := <-ended:
			ended <- err
			return fmt.Errorf("ended before %s answered: %w", url, err)
		case <-again.C:
		}
		answer, err := client.Get(url)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(answer.Status)
		}
		last = err
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
