package check

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/rendered")

const chartDir = "../helm/cepd"

// kinds are the types that the chart's objects have to fit, no field more.
var kinds = map[string]func() any{
	"ConfigMap":      func() any { return new(corev1.ConfigMap) },
	"Service":        func() any { return new(corev1.Service) },
	"ServiceAccount": func() any { return new(corev1.ServiceAccount) },
	"StatefulSet":    func() any { return new(appsv1.StatefulSet) },
	"NetworkPolicy":  func() any { return new(networkingv1.NetworkPolicy) },
	"ServiceMonitor": func() any { return new(monitoringv1.ServiceMonitor) },
}

// render gives the objects of the chart as one text, in the order of its files.
func render(values map[string]any) (string, error) {
	chart, err := loader.LoadDir(chartDir)
	if err != nil {
		return "", err
	}
	release := common.ReleaseOptions{Name: "fraud", Namespace: "streams", Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(chart, values, release, common.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return "", err
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	var text strings.Builder
	for _, name := range names {
		if body := strings.TrimSpace(files[name]); body != "" && !strings.HasSuffix(name, "_helpers.tpl") && !strings.HasSuffix(name, ".txt") {
			text.WriteString("---\n# " + name + "\n" + body + "\n")
		}
	}
	return text.String(), nil
}

// objects decodes each document into its type; a field that it does not know is
// an error.
func objects(t *testing.T, text string) map[string]any {
	t.Helper()
	found := map[string]any{}
	for document := range strings.SplitSeq(text, "\n---\n") {
		document = strings.TrimPrefix(document, "---\n")
		var head struct{ Kind string }
		if err := yaml.Unmarshal([]byte(document), &head); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		make, ok := kinds[head.Kind]
		if !ok {
			t.Fatalf("no type is known for kind %q:\n%s", head.Kind, document)
		}
		object := make()
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			t.Errorf("%s: %v\n%s", head.Kind, err, document)
		}
		found[head.Kind] = object
	}
	return found
}

func readValues(t *testing.T, file string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// variants are the values files that the chart is tried with, by name.
func variants(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("testdata/values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no values", err)
	}
	all := map[string]map[string]any{}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = readValues(t, file)
	}
	return all
}

func TestRenderedObjects(t *testing.T) {
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			text, err := render(values)
			if err != nil {
				t.Fatal(err)
			}
			found := objects(t, text)
			for _, kind := range []string{"StatefulSet", "Service", "ConfigMap", "ServiceAccount"} {
				if found[kind] == nil {
					t.Errorf("there is no %s", kind)
				}
			}
			compare(t, filepath.Join("testdata/rendered", name+".yaml"), text)
		})
	}
}

func compare(t *testing.T, file, text string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(text)) {
		t.Errorf("%s is not what the chart renders now; look at it with: go test -rewrite && git diff\n%s", file, text)
	}
}

// The pod is bound to its volumes and to the objects beside it.
func TestReferencesHold(t *testing.T) {
	for name, values := range variants(t) {
		t.Run(name, func(t *testing.T) {
			text, err := render(values)
			if err != nil {
				t.Fatal(err)
			}
			found := objects(t, text)
			set := found["StatefulSet"].(*appsv1.StatefulSet)
			pod := &set.Spec.Template.Spec
			volumes := map[string]bool{}
			for _, v := range pod.Volumes {
				volumes[v.Name] = true
			}
			for _, v := range set.Spec.VolumeClaimTemplates {
				volumes[v.Name] = true
			}
			for _, m := range pod.Containers[0].VolumeMounts {
				if !volumes[m.Name] {
					t.Errorf("volume %s is mounted and not there", m.Name)
				}
			}
			service := found["Service"].(*corev1.Service)
			for key, value := range service.Spec.Selector {
				if set.Spec.Template.Labels[key] != value || set.Spec.Selector.MatchLabels[key] != value {
					t.Errorf("the service selects %s=%s, which the pod does not have", key, value)
				}
			}
			if account := found["ServiceAccount"].(*corev1.ServiceAccount); pod.ServiceAccountName != account.Name {
				t.Errorf("service account %s, not %s", pod.ServiceAccountName, account.Name)
			}
			if sc := pod.SecurityContext; !*sc.RunAsNonRoot || *sc.RunAsUser != 65532 || !*pod.Containers[0].SecurityContext.ReadOnlyRootFilesystem {
				t.Error("the pod runs as root, or writes to its image")
			}
		})
	}
}

func TestRefusedValues(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                        "say who may reach the server",
		"tls: {existingSecret: a}":  "say who may reach the server",
		"auth: {existingSecret: a}": "say who may reach the server",
		"{insecure: true, tls: {clientCA: true}}":   "tls.clientCA needs tls.existingSecret",
		"{insecure: true, config: {listen: ':1'}}":  "config",
		"{insecure: true, replicas: 2}":             "replicas",
		"{insecure: true, persistence: {size: -1}}": "size",
	} {
		values := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &values); err != nil {
			t.Fatal(err)
		}
		if _, err := render(values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestHelmLint(t *testing.T) {
	result := lint.RunAll(chartDir, variants(t)["secure"], "streams")
	for _, m := range result.Messages {
		if m.Severity >= support.WarningSev {
			t.Error(m)
		}
	}
}
