package explain

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cepd/cepd/query"
	"github.com/cepd/cepd/query/catalog"
)

// TestFilesText says which files of a table are read.
func TestFilesText(t *testing.T) {
	const lake = `CREATE TABLE lake (n INT, at TIMESTAMP(3), dt DATE, region STRING, file STRING METADATA FROM 'file.name' VIRTUAL, upper_region AS UPPER(region), WATERMARK FOR at AS at)
  PARTITIONED BY (dt, region) WITH ('connector' = 'filesystem', 'path' = 'lake', 'format' = 'json', 'source.partition-pruning' = '%s');
CREATE TABLE out (n INT) WITH ('connector' = 'stdout', 'format' = 'json');
`
	for _, x := range []struct{ mode, insert, want string }{
		{"auto", "INSERT INTO out SELECT n FROM lake WHERE n > 1 AND region = 'eu' AND dt >= DATE '2026-03-02'", "files: only those with region = 'eu' AND dt >= DATE '2026-03-02'"},
		{"auto", "INSERT INTO out SELECT n FROM lake WHERE upper_region = 'EU' OR file LIKE 'a%'", "files: only those with UPPER(region) = 'EU' OR file LIKE 'a%'"},
		{"never", "INSERT INTO out SELECT n FROM lake WHERE region = 'eu'", "files: all, though"},
		{"auto", "INSERT INTO out SELECT n FROM (SELECT n, at, region FROM lake) WHERE region = 'eu'", "files: only"},
		{"auto", "INSERT INTO out SELECT n FROM lake WHERE n > 1 OR region = 'eu'", ""},
		{"auto", "INSERT INTO out SELECT n FROM lake WHERE dt < CURRENT_DATE", ""},
		{"auto", "INSERT INTO out SELECT n FROM lake WHERE region = 'eu' UNION ALL SELECT n FROM lake WHERE region = 'us'", "files: only those with region = 'eu' OR region = 'us'"},
		{"auto", "INSERT INTO out SELECT n FROM lake WHERE region = 'eu' UNION ALL SELECT n FROM lake", ""},
		{"auto", "INSERT INTO out SELECT n FROM lake WHERE region = 'eu' UNION ALL SELECT n FROM (SELECT * FROM lake WHERE n > 2) WHERE region = 'eu'", "files: only those with region = 'eu'\n"},
		{"auto", "INSERT INTO out SELECT n FROM (SELECT n, at FROM lake WHERE region = 'eu') MATCH_RECOGNIZE (ORDER BY at MEASURES A.n AS n PATTERN (A) DEFINE A AS TRUE)", "files: those with region = 'eu'; the others, whose rows move the watermark"},
		{"always", "INSERT INTO out SELECT n FROM (SELECT n, at FROM lake WHERE region = 'eu') MATCH_RECOGNIZE (ORDER BY at MEASURES A.n AS n PATTERN (A) DEFINE A AS TRUE)", "files: only those with region = 'eu'"},
	} {
		r, err := query.CompileText(catalog.New(), "test.sql", fmt.Sprintf(lake, x.mode)+x.insert, nil)
		if err != nil {
			t.Errorf("%s: %v", x.insert, err)
			continue
		}
		text := Of(r.Queries[0].Insert).Text()
		if !strings.Contains(text, x.want) || x.want == "" && strings.Contains(text, "files:") {
			t.Errorf("%s\nwant %q in\n%s", x.insert, x.want, text)
		}
	}
}
