package lint

import (
	"sort"
	"strings"
	"testing"
)

// layers is the order of the packages, lowest first. A package imports only
// from layers below its own, and a package and its sub-packages from each other.
// Tests may import anything.
var layers = [][]string{
	{"internal/diag", "internal/decimal", "internal/duration", "internal/murmur2", "internal/draw", "internal/sketch", "internal/access", "internal/s3", "internal/hostile", "internal/cepdtest", "internal/listentest", "internal/panics", "internal/trace", "internal/lint", "ui", "internal/scenario", "internal/bytesize"},
	{"internal/event", "internal/schemaregistry"},
	{"internal/clock"},
	{"state"},
	{"state/memstore", "state/pebblestore", "state/savepoint", "state/intake", "internal/backup"},
	{"query/ast", "internal/expr"},
	{"internal/function"},
	{"internal/wasm"},
	{"operators/kernel", "query/catalog", "internal/constraint"},
	{"query/parse/gen"},
	{"query/parse", "query/format"},
	{"internal/convert"},
	{"query/plan"},
	{"query/check"},
	{"query"},
	{"operators"},
	{"operators/aggregate", "operators/group", "operators/order", "operators/cold"},
	{"operators/carry"},
	{"operators/pattern", "operators/window", "operators/over", "operators/changelog", "operators/relational", "operators/row", "operators/suppress", "operators/unnest", "operators/join", "operators/lookup"},
	{"operators/build"},
	{"internal/reference"},
	{"connectors"},
	{"connectors/formats", "connectors/remote", "internal/broker", "internal/postgrestest"},
	{"connectors/outbound", "connectors/pushed"},
	{"connectors/kafka", "connectors/file", "connectors/stdio", "connectors/memory", "connectors/datagen", "connectors/blackhole", "connectors/email", "connectors/http", "connectors/jdbc", "connectors/nats", "connectors/filesystem", "connectors/mqtt", "connectors/syslog", "connectors/stream", "connectors/postgres"},
	{"connectors/all", "internal/s3test", "internal/kafkatest"},
	{"engine"},
	{"internal/history", "internal/explain", "internal/infer"},
	{"internal/why", "internal/systables", "internal/backtest", "internal/assist", "internal/ruletest"},
	{"internal/pack", "internal/conformance", "internal/sim", "internal/lsp", "api"},
	{"examples"},
	{"internal/e2e", "internal/differential"},
	{"internal/demo", "benchmarks", "internal/gallery"},
	{"cmd", "deploy", "docs", "scripts", "tools", "."},
}

func layerOf(pkg string) int {
	best, length := -1, -1
	for i, line := range layers {
		for _, p := range line {
			if within(pkg, p) && len(p) > length {
				best, length = i, len(p)
			}
		}
	}
	return best
}

func TestImportsPointDownward(t *testing.T) {
	for _, s := range load(t) {
		if s.test {
			continue
		}
		own := layerOf(s.pkg)
		if own < 0 {
			t.Errorf("%s: package %s is not in the table of layers", s.name, s.pkg)
			continue
		}
		for _, im := range s.imports() {
			other, ok := strings.CutPrefix(im, module+"/")
			if ok && layerOf(other) >= own && !within(other, s.pkg) && !sameFamily(s.pkg, other) {
				t.Errorf("%s: %s must not import %s, which is not below it", s.name, s.pkg, other)
			}
		}
	}
}

// sameFamily says whether two packages belong to the same entry of the table.
func sameFamily(a, b string) bool {
	for _, line := range layers {
		for _, p := range line {
			if within(a, p) && within(b, p) && layerOf(a) == layerOf(b) {
				return true
			}
		}
	}
	return false
}

// only says which packages, apart from their tests, may import a module.
var only = map[string][]string{
	"github.com/cockroachdb/pebble":      {"state/pebblestore", "internal/sim"},
	"github.com/segmentio/kafka-go":      {"connectors/kafka", "benchmarks/drain"},
	"github.com/antlr4-go/antlr":         {"query/parse"},
	"github.com/twmb/franz-go/pkg/kgo":   {"internal/demo", "internal/gallery", "internal/e2e/rises", "benchmarks/drain"},
	"github.com/twmb/franz-go/pkg/kfake": {"internal/broker"},
	"github.com/twmb/franz-go/pkg/kmsg":  {"connectors/kafka", "internal/demo"},
	"github.com/twmb/franz-go/pkg/sr":    {"internal/schemaregistry"},
	"github.com/jackc/pgx":               {"connectors/jdbc", "connectors/postgres", "internal/postgrestest"},
	"github.com/jackc/pglogrepl":         {"connectors/postgres"},
	"github.com/nats-io":                 {"connectors/nats"},
	"github.com/eclipse":                 {"connectors/mqtt"},
	"github.com/coder/websocket":         {"api"},
	"github.com/leodido":                 {"connectors/formats/syslog"},
	"modernc.org/sqlite":                 {"connectors/jdbc"},
	"github.com/tetratelabs/wazero":      {"internal/wasm"},
	"github.com/twmb/avro":               {"connectors/formats/avro"},
	"github.com/bufbuild/protocompile":   {"connectors/formats/protobuf"},
	"google.golang.org/protobuf":         {"connectors/formats/protobuf", "internal/trace/tracetest"},
	"github.com/andybalholm/brotli":      {"connectors/formats/parquet"},
	"github.com/parquet-go/parquet-go":   {"connectors/formats/parquet", "benchmarks/cmd/backtest"},
	"github.com/danielgtaylor/huma":      {"api"},
	"github.com/creachadair/jrpc2":       {"internal/lsp"},
	"github.com/axiomhq/hyperloglog":     {"internal/sketch"},
	"github.com/DataDog/sketches-go":     {"internal/sketch"},
	"github.com/Masterminds/semver":      {"internal/pack"},
	"golang.org/x/oauth2":                {"connectors/kafka"},
	"golang.org/x/time":                  {"api", "connectors/outbound"},
	"github.com/sony/gobreaker":          {"connectors/outbound", "connectors/pushed"},
	"github.com/wneessen/go-mail":        {"connectors/email"},
	"github.com/spf13":                   {"cmd"},
	"go.yaml.in/yaml":                    {"cmd", "internal/conformance", "internal/convert/sigma", "internal/pack", "internal/ruletest", "internal/scenario"},
	"go.opentelemetry.io/otel":           {"internal/trace"},
	"github.com/prometheus":              {"engine", "api", "cmd", "."},
	"github.com/minio/minio-go":          {"internal/s3"},
	"github.com/HdrHistogram":            {"benchmarks"},
	"github.com/cloudevents/sdk-go":      {},
	"github.com/cockroachdb/datadriven":  {},
	"github.com/google/go-cmp":           {},
	"pgregory.net/rapid":                 {},
}

func TestThirdPartyPackagesStayInTheirPlace(t *testing.T) {
	for _, s := range load(t) {
		if s.test {
			continue
		}
		for _, im := range s.imports() {
			for mod, allowed := range only {
				if within(im, mod) && !within(s.pkg, allowed...) {
					t.Errorf("%s: only %v may import %s", s.name, allowed, im)
				}
			}
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range load(t) {
		if !s.test {
			documented[s.pkg] = documented[s.pkg] || s.file.Doc != nil
		}
	}
	var missing []string
	for pkg, ok := range documented {
		if !ok {
			missing = append(missing, pkg)
		}
	}
	sort.Strings(missing)
	if len(missing) > 0 {
		t.Errorf("packages without a package comment: %v", missing)
	}
}
