package filesystem

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/connectors/formats"
	"github.com/cepd/cepd/internal/access"
	"github.com/cepd/cepd/internal/bytesize"
	"github.com/cepd/cepd/internal/duration"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/s3"
	"github.com/cepd/cepd/state/intake"
)

// The options, besides those of formats.
const (
	optPath        = "path"
	optEndpoint    = "s3.endpoint"
	optRegion      = "s3.region"
	optAccessKey   = "s3.access-key"
	optSecretKey   = "s3.secret-key"
	optPartition   = formats.OptPartition
	optCompression = "compression"
	optGuarantee   = "sink.delivery-guarantee"
	optPrefix      = "sink.transactional-id-prefix"
	optInterval    = "sink.rolling-policy.rollover-interval"
	optFileSize    = "sink.rolling-policy.file-size"
	optBuffer      = "sink.rolling-policy.buffer-size"
	optMaxOpen     = "sink.max-open-partitions"
	optMonitor     = "source.monitor-interval"
	optPattern     = "source.path.regex-pattern"
	optOrder       = "source.file-order"
	optParallelism = "scan.parallelism"
	optPruning     = connectors.OptPruning
)

var specs = []connectors.OptionSpec{
	{Name: optPath, Required: true, Doc: "A folder, relative to the place of the query, which is made if it is not there; or s3://bucket/prefix. To read also a file."},
	{Name: optEndpoint, Doc: "URL of a store that speaks S3. Default: AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL of the environment, else Amazon's."},
	{Name: optRegion, Doc: "Its region. Default: AWS_REGION of the environment."},
	{Name: optAccessKey, Doc: "Who asks. Default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment, the file of credentials, the machine's role."},
	{Name: optSecretKey, Secret: true, Doc: "The secret that belongs to it."},
	{Name: optPartition, Doc: "Columns, separated by commas, whose values are folders (dt=2026-03-02/region=eu) and not in the files."},
	{Name: optMonitor, Check: checkInterval, Doc: "To read: after which it is looked for new files, again and again. Default: the files that are there are read, and then the table ends."},
	{Name: optPattern, Check: checkPattern, Doc: "To read: a regular expression that the whole name of a file has to match, with the path before it. Default: all files."},
	{Name: optOrder, Default: orderName, Values: []string{orderName, orderTime}, Doc: "To read: the order of files that are found together: by name, or by modification-time and then by name."},
	{Name: optPruning, Default: connectors.PruneAuto, Values: []string{connectors.PruneAuto, connectors.PruneAlways, connectors.PruneNever}, Doc: "To read: whether files are left out of which WHERE takes no row, by their folders and metadata. auto: unless their rows move the watermark; of Parquet only its columns are read then. always: also those. never: all are read."},
	{Name: optParallelism, Default: "1", Check: connectors.CheckInt(1, maxParallelism), Doc: "To read: in how many partitions, which are read at the same time. Files are dealt out to them in turn."},
	{Name: optCompression, Default: "none", Values: []string{"none", "gzip", "zstd"}, Doc: "How files of records are compressed. Parquet has 'parquet.compression'."},
	{Name: optGuarantee, Values: []string{"at-least-once", "exactly-once"}, Doc: "at-least-once (the default) or exactly-once."},
	{Name: optPrefix, Default: "cepd", Check: checkPrefix, Doc: "With exactly-once: begin of the name PREFIX-QUERY-TABLE under which the folder keeps how far the table is. Two installations that write one folder need different ones."},
	{Name: optInterval, Default: "1 min", Check: checkDuration, Doc: "How long rows are gathered before files are made of them. They are visible after it."},
	{Name: optBuffer, Default: "64 mb", Check: checkSize, Doc: "Bytes of rows, in memory, at which files are made of them before the interval is over."},
	{Name: optFileSize, Default: "128 mb", Check: checkSize, Doc: "Bytes at which a file is closed and another begun."},
	{Name: optMaxOpen, Default: "64", Check: connectors.CheckInt(1, 10_000), Doc: "How many partitions have an open file at a time. Beyond it the one that was written least recently is closed."},
}

func checkDuration(text string) error {
	_, err := duration.Parse(text)
	return err
}

func checkInterval(text string) error {
	d, err := duration.Parse(text)
	if err == nil && d < minMonitor {
		err = fmt.Errorf("expected %s or more, found '%s'", minMonitor, text)
	}
	return err
}

func checkPattern(text string) error {
	_, err := regexp.Compile(text)
	return err
}

// The values of the order, and the limits of reading.
const (
	orderName      = "name"
	orderTime      = "modification-time"
	minMonitor     = 10 * time.Millisecond
	maxParallelism = 256
)

func checkSize(text string) error {
	_, err := bytesize.Parse(text)
	return err
}

// checkPrefix accepts what is a part of a file's name everywhere.
func checkPrefix(text string) error {
	if text == "" || len(text) > 100 || strings.Trim(text, letters) != "" || text[0] == '.' {
		return fmt.Errorf("expected letters, digits, '-', '_' and '.', found '%s'", text)
	}
	return nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

// config is what the options of a sink say.
type config struct {
	path     string
	identity string
	by       []partitionColumn
	packing  string
	wait     time.Duration
	buffer   int64
	fileSize int64
	maxOpen  int
	access   *access.Policy
	fsync    func(*os.File) error
	s3       s3.Options
}

// remote says whether the path is in a bucket.
func (c *config) remote() bool { return strings.HasPrefix(c.path, "s3://") }

// open opens the place for a process that calls itself owner.
func (c *config) open(owner string) (place, error) {
	if c.remote() {
		return openBucket(c)
	}
	return openFolder(c, owner)
}

// partitionColumn is a column of the path.
type partitionColumn struct {
	col  int // of the batch
	name string
}

// parsePlace reads where the table is.
func parsePlace(t connectors.Table) (*config, error) {
	c := &config{packing: t.Options[optCompression], maxOpen: int(t.Int(optMaxOpen, 64)), access: t.Access, fsync: (*os.File).Sync}
	path := t.Options[optPath]
	if path == "" {
		return nil, fmt.Errorf("option '%s' is missing", optPath)
	}
	c.s3 = s3.Options{Endpoint: t.Options[optEndpoint], Region: t.Options[optRegion], AccessKey: t.Options[optAccessKey], SecretKey: t.Options[optSecretKey]}
	if c.path = path; !c.remote() && !filepath.IsAbs(path) {
		c.path = filepath.Join(t.Dir, path)
	}
	return c, c.allowed()
}

func parseConfig(t connectors.Table) (*config, error) {
	c, err := parsePlace(t)
	if err != nil {
		return nil, err
	}
	get := func(key string) string {
		if text, ok := t.Options[key]; ok {
			return text
		}
		i := slices.IndexFunc(specs, func(s connectors.OptionSpec) bool { return s.Name == key })
		return specs[i].Default
	}
	c.identity = get(optPrefix) + "-" + t.Query + "-" + t.Name
	if t.Writer > 0 {
		c.identity += fmt.Sprintf("-%d", t.Writer+1)
	}
	// The texts have passed their checks.
	c.wait, _ = duration.Parse(get(optInterval))
	c.buffer, _ = bytesize.Parse(get(optBuffer))
	c.fileSize, _ = bytesize.Parse(get(optFileSize))
	c.by, err = partitionColumns(t)
	return c, err
}

// allowed says early that the path may not be used; what a link leads to is
// found when it is opened.
func (c *config) allowed() error {
	if c.remote() {
		return c.reachable()
	}
	if _, err := c.access.Stat(c.path); errors.Is(err, access.ErrRefused) {
		return connectors.OptionError{Key: optPath, Message: fmt.Sprintf("option '%s': %v", optPath, err)}
	}
	return nil
}

func partitionColumns(t connectors.Table) (by []partitionColumn, err error) {
	for _, name := range formats.FolderColumns(t.Options) {
		i := slices.IndexFunc(t.Columns, func(c connectors.Column) bool { return c.Name == name && c.Metadata == "" })
		if i < 0 {
			return nil, connectors.OptionError{Key: optPartition, Message: fmt.Sprintf("option '%s': the table has no column '%s'", optPartition, name)}
		}
		if typ := t.Columns[i].Type; !inPath(typ) {
			return nil, connectors.OptionError{Key: optPartition, Message: fmt.Sprintf("option '%s': column '%s' is %s, which is no name of a folder", optPartition, name, typ),
				Hint: "make a column of text of it, such as DATE_FORMAT(at, 'yyyy-MM-dd')"}
		}
		by = append(by, partitionColumn{i, string(escape(nil, []byte(name)))})
	}
	return by, nil
}

// inPath says whether values of a type can be names of folders.
func inPath(t event.Type) bool {
	return t.Integer() || t.Kind == event.String || t.Kind == event.Bool || t.Kind == event.Date
}

type connector struct{ lists *lists }

// New is the connector 'filesystem'. What it finds to read it keeps in logs (nil:
// in memory).
func New(logs *intake.Logs) connectors.Connector {
	return connector{&lists{logs: logs, open: map[string]*shared{}}}
}

// Name implements connectors.Connector.
func (connector) Name() string { return formats.Filesystem }

// Options implements connectors.Connector.
func (connector) Options() []connectors.OptionSpec {
	return append(slices.Clone(specs), formats.Spec())
}

// The metadata columns.
const (
	keyPath     = "file.path"
	keyName     = "file.name"
	keySize     = "file.size"
	keyModified = "file.modification-time"
)

// Metadata implements connectors.Connector.
func (connector) Metadata() []connectors.MetadataSpec {
	return []connectors.MetadataSpec{{Key: keyPath, Type: event.TString}, {Key: keyName, Type: event.TString}, {Key: keySize, Type: event.TInt64},
		{Key: keyModified, Type: event.Type{Kind: event.TimestampLTZ, Precision: 3}}}
}

// Source implements connectors.Connector.
func (c connector) Source(t connectors.Table) (connectors.Source, error) {
	return newSource(t, c.lists)
}

// History implements connectors.Historian: the files that are there.
func (connector) History(options map[string]string, _, _ time.Time) { delete(options, optMonitor) }

// Sink implements connectors.Connector.
func (connector) Sink(t connectors.Table) (connectors.Sink, error) {
	c, err := parseConfig(t)
	if err != nil {
		return nil, err
	}
	files, err := formats.NewFiles(formats.InFiles(t))
	if err != nil {
		return nil, err
	}
	if files.Columnar() && c.packing != "" && c.packing != "none" {
		return nil, connectors.OptionError{Key: optCompression, Message: fmt.Sprintf("option '%s' is for files of records", optCompression), Hint: "use 'parquet.compression'"}
	}
	s := newSink(c, files, t.Log)
	if t.Delivery == connectors.ExactlyOnce {
		return &transactional{sink: s}, nil
	}
	return s, nil
}
