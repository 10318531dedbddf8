package examples

import (
	"net/url"
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

			Environment map[string]string `yaml:"environment"`
			Command     []string          `yaml:"command"`
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
	for _, s := range sources.Datasources {
		if u, err := url.Parse(s.URL); err != nil || compose.Services[u.Hostname()].Image == "" {
			t.Errorf("there is no service for Grafana at %s", s.URL)
		}
	}
	const config = "/etc/otelcol/config.yaml"
	if c := compose.Services["collector"].Command; len(c) != 1 || c[0] != "--config="+config {
		t.Errorf("the collector is started with %q", c)
	}
	next := traceRoute(t, inside[config], compose.Services["cepd"].Environment["OTEL_EXPORTER_OTLP_ENDPOINT"])
	if _, ok := compose.Services[next]; !ok {
		t.Errorf("there is no service %q that takes traces", next)
	}
}

// traceRoute follows traces from cepd's endpoint through the collector's
// configuration, and gives the host that they end at.
func traceRoute(t *testing.T, file, endpoint string) string {
	t.Helper()
	var c struct {
		Receivers map[string]struct {
			Protocols map[string]struct {
				Endpoint string `yaml:"endpoint"`
			} `yaml:"protocols"`
		} `yaml:"receivers"`
		Exporters map[string]struct {
			Endpoint string `yaml:"endpoint"`
		} `yaml:"exporters"`
		Service struct {
			Pipelines map[string]struct {
				Receivers []string `yaml:"receivers"`
				Exporters []string `yaml:"exporters"`
			} `yaml:"pipelines"`
		} `yaml:"service"`
	}
	readYAML(t, file, &c)
	u, err := url.Parse(endpoint)
	traces := c.Service.Pipelines["traces"]
	if err != nil || u.Hostname() != "collector" || len(traces.Receivers) != 1 || len(traces.Exporters) != 1 {
		t.Fatalf("cepd sends to %q, the collector takes %+v", endpoint, traces)
	}
	if at := c.Receivers[traces.Receivers[0]].Protocols["http"].Endpoint; !strings.HasSuffix(at, ":"+u.Port()) {
		t.Errorf("cepd sends to %s, the collector listens at %s", endpoint, at)
	}
	to, err := url.Parse(c.Exporters[traces.Exporters[0]].Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	return to.Hostname()
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
