package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestObservability: the files of observability fit together. That the services
// start is not tested here.
func TestObservability(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Image   string   `yaml:"image"`
			Volumes []string `yaml:"volumes"`
			Depends []string `yaml:"depends_on"`
		} `yaml:"services"`
		Volumes map[string]any `yaml:"volumes"`
	}
	readYAML(t, "compose.yaml", &compose)
	inside := map[string]string{} // file of a container to the file here
	for name, s := range compose.Services {
		if !strings.Contains(s.Image, ":") {
			t.Errorf("%s: the image %q has no version", name, s.Image)
		}
		for _, d := range s.Depends {
			if _, ok := compose.Services[d]; !ok {
				t.Errorf("%s depends on %s, which there is not", name, d)
			}
		}
		for _, v := range s.Volumes {
			from, rest, _ := strings.Cut(v, ":")
			to, _, _ := strings.Cut(rest, ":")
			inside[to] = from
			_, named := compose.Volumes[from]
			if _, err := os.Stat(filepath.Join("observability", from)); err != nil && from != "./cepd" && !named {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	var prometheus struct {
		Rules  []string `yaml:"rule_files"`
		Scrape []struct {
			Static []struct {
				Targets []string `yaml:"targets"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, inside["/etc/prometheus/prometheus.yml"], &prometheus)
	if len(prometheus.Rules) != 1 || inside[prometheus.Rules[0]] != "../../docs/operations/alerts.yaml" {
		t.Errorf("the alert rules are %v, of %v", prometheus.Rules, inside)
	}
	host, _, _ := strings.Cut(prometheus.Scrape[0].Static[0].Targets[0], ":")
	if _, ok := compose.Services[host]; !ok {
		t.Errorf("there is no service %s to scrape", host)
	}
	var dashboards struct {
		Providers []struct {
			Options struct {
				Path string `yaml:"path"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	readYAML(t, inside["/etc/grafana/provisioning/dashboards/cepd.yaml"], &dashboards)
	if path := dashboards.Providers[0].Options.Path + "/cepd.json"; inside[path] != "../../docs/operations/grafana.json" {
		t.Errorf("%s is not the dashboard", path)
	}
	var sources struct {
		Datasources []struct {
			URL string `yaml:"url"`
		} `yaml:"datasources"`
	}
	readYAML(t, inside["/etc/grafana/provisioning/datasources/cepd.yaml"], &sources)
	if sources.Datasources[0].URL != "http://prometheus:9090" {
		t.Errorf("Grafana asks %s", sources.Datasources[0].URL)
	}
}

func readYAML(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("observability", name))
	if err == nil {
		err = yaml.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
