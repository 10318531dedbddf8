package differential

import (
	"fmt"
	"strings"
)

// calls are calls of functions; %i %t %d %x %b %T stand for an integer, a
// text, a DECIMAL, a DOUBLE, a condition and a time.
var calls = strings.Split(strings.TrimSpace(`
ABS(%i)
ROUND(%x, 2)
ROUND(%d, 1)
TRUNCATE(%d, 1)
TRUNCATE(%x, 1)
FLOOR(%d)
CEIL(%d)
SIGN(%d)
MOD(%i, 5)
POWER(%x, 2)
SQRT(ABS(%x))
EXP(%x / 1000)
LN(ABS(%x) + 1)
LOG10(ABS(%x) + 1)
LOG2(ABS(%x) + 1)
LOG(2, ABS(%x) + 1)
SIN(%x)
COS(%x)
ATAN2(%x, 2)
DEGREES(%x)
RADIANS(%x)
BIN(%i)
HEX(%i)
HEX(%t)
GREATEST(%i, 3)
LEAST(%i, 3)
CHAR_LENGTH(%t)
UPPER(%t)
LOWER(%t)
INITCAP(%t)
CONCAT(%t, '-', %t)
CONCAT_WS('-', %t, 'x', %t)
SUBSTRING(%t, 2)
SUBSTRING(%t, 2, 3)
SUBSTRING(%t, -3, 2)
LEFT(%t, 3)
RIGHT(%t, 3)
POSITION('a' IN %t)
LOCATE('b', %t)
INSTR(%t, 'l')
REPLACE(%t, 'l', 'LL')
TRIM(BOTH ' ' FROM %t)
TRIM(LEADING 'a' FROM %t)
LTRIM(%t)
RTRIM(%t)
BTRIM(%t)
LPAD(%t, 6, '*')
RPAD(%t, 6, 'xy')
REPEAT(%t, 2)
REVERSE(%t)
OVERLAY(%t PLACING 'zz' FROM 2 FOR 1)
SPLIT_INDEX(%t, ',', 1)
ASCII(%t)
CHR(%i)
TO_BASE64(%t)
FROM_BASE64(TO_BASE64(%t))
MD5(%t)
SHA1(%t)
SHA256(%t)
SHA2(%t, 512)
REGEXP(%t, '[a-z]+')
REGEXP_EXTRACT(%t, '([a-z]+)([0-9]*)', 1)
REGEXP_REPLACE(%t, '[0-9]+', '#')
%t SIMILAR TO '%%[a-z]+'
TRANSLATE(%t, 'ab', 'xy')
URL_ENCODE(%t)
URL_DECODE(URL_ENCODE(%t))
PARSE_URL('http://u@h.example:80/p?q=1&r=' || %t || '#f', 'QUERY', 'q')
STARTSWITH(%t, 'a')
ENDSWITH(%t, 'd')
COALESCE(%t, CAST(%i AS STRING))
NULLIF(%i, 2)
IF(%b, 'y', 'n')
CASE WHEN %b THEN %d ELSE 0 END
CAST(%t AS BIGINT) IS NULL OR TRUE
TRY_CAST(%t AS INT)
TRY_CAST(%t AS DOUBLE)
TRY_CAST(%t AS DECIMAL(6, 1))
TRY_CAST(%t AS BOOLEAN)
TRY_CAST(%t AS DATE)
CAST(%b AS INT)
CAST(%b AS STRING)
CAST(%d AS STRING)
CAST(%T AS STRING)
CAST(%T AS DATE)
CAST(%T AS TIME)
DATE_FORMAT(%T, 'yyyy/MM/dd HH:mm')
EXTRACT(WEEK FROM %T)
DAYOFWEEK(%T)
DAYOFYEAR(%T)
QUARTER(%T)
TIMESTAMPDIFF(DAY, %T, TIMESTAMP '2026-01-01 00:00:00')
TIMESTAMPDIFF(MONTH, TIMESTAMP '2020-05-31 10:00:00', %T)
TIMESTAMPADD(MONTH, 11, %T)
FLOOR(%T TO HOUR)
CEIL(%T TO DAY)
TO_TIMESTAMP(%t)
TO_TIMESTAMP('2026-02-03 04:05:06')
TO_DATE(%t)
TO_DATE('2026/03/02', 'yyyy/MM/dd')
UNIX_TIMESTAMP('2026-03-02 12:00:00')
FROM_UNIXTIME(%i + 1700000000)
TO_TIMESTAMP_LTZ(%i, 3)
CONVERT_TZ('2026-03-02 12:00:00', 'UTC', 'America/New_York')
JSON_VALUE(%j, '$.p')
JSON_VALUE(%j, '$.p' RETURNING INTEGER)
JSON_VALUE(%j, '$.none' DEFAULT 'd' ON EMPTY)
JSON_QUERY(%j, '$.q')
JSON_QUERY(%j, '$.r.s' WITH WRAPPER)
JSON_EXISTS(%j, '$.r.s')
JSON_VALUE(%j, '$.q[1]')
%j IS JSON OBJECT
JSON_OBJECT('k' VALUE %i, 't' VALUE %t)
JSON_OBJECT('k' VALUE %i ABSENT ON NULL)
JSON_ARRAY(%i, %t)
JSON_STRING(%t)
CARDINALITY(SPLIT(%t, ','))
ARRAY_CONTAINS(ARRAY[1, 2, NULL], %i)
ARRAY[%i, 2][1]
ARRAY_DISTINCT(ARRAY[%i, 2, 2])
MAP['p', %i]['p']
CARDINALITY(MAP['p', 1, 'q', 2])
ELT(2, 'a', %t)
PRINTF('%%s-%%d', %t, %i)
LEVENSHTEIN(%t, 'hello')
ARRAY_JOIN(ARRAY['a', %t], '+')
ARRAY_SORT(ARRAY[3, %i, 1])
ARRAY_APPEND(ARRAY[1], %i)
ARRAY_SLICE(ARRAY[1, 2, 3], 1, 2)
ARRAY_UNION(ARRAY[1, 2], ARRAY[2, %i])
ARRAY_REMOVE(ARRAY[1, 2, 1], 1)
MAP_KEYS(MAP['a', 1])
STR_TO_MAP('a=1,b=2')
UUID() IS NOT NULL
IS_ALPHA(%t)
IS_DIGIT(%t)
IS_DECIMAL(%t)
`), "\n")

// function calls some of the functions.
func (g *generator) function() string {
	return "SELECT id, " + g.columns(4, func() string { return g.call(calls[g.r.IntN(len(calls))]) }) + " FROM a"
}

func (g *generator) call(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			b.WriteByte(pattern[i])
			continue
		}
		i++
		switch pattern[i] {
		case 'i':
			b.WriteString(g.integer(0))
		case 't':
			b.WriteString(g.pick("s", "s", "s", "(s || 'Z9')", "'banana'"))
		case 'd':
			b.WriteString(g.exact(0))
		case 'x':
			b.WriteString("x")
		case 'b':
			b.WriteString(g.boolean(1))
		case 'T':
			b.WriteString(g.time(1))
		case 'j':
			b.WriteString("j")
		default:
			b.WriteByte(pattern[i])
		}
	}
	return b.String()
}

// decimal is arithmetic of exact numbers, with the types of its results.
func (g *generator) decimal() string {
	return "SELECT id, " + g.columns(4, func() string {
		return fmt.Sprintf("(%s %s %s)", g.number(), g.pick("+", "-", "*", "/"), g.pick("3", "1.7", "CAST(12.5 AS DECIMAL(30, 10))", "CAST(7 AS SMALLINT)", "CAST(-4 AS DECIMAL(38, 0))"))
	}) + " FROM a"
}

func (g *generator) number() string {
	return g.pick("d", "e", "n", "k", "x", "(d * e)", "CAST(d AS DECIMAL(20, 8))", "(d + n)", "CAST(n AS DECIMAL(38, 18))", "(e / 7)")
}

// null is three-valued logic.
func (g *generator) null() string {
	return "SELECT id, " + g.columns(5, func() string {
		switch g.r.IntN(7) {
		case 0:
			return fmt.Sprintf("(%s IS NOT DISTINCT FROM %s)", g.pick("k", "n"), g.pick("n", "2", "CAST(NULL AS INT)"))
		case 1:
			return fmt.Sprintf("(%s IN (%s, CAST(NULL AS INT)))", g.pick("k", "n"), g.pick("1", "2", "k"))
		case 2:
			return fmt.Sprintf("(k NOT IN (1, %s))", g.pick("CAST(NULL AS INT)", "2"))
		case 3:
			return fmt.Sprintf("COALESCE(%s, %s)", g.pick("k", "n"), g.pick("n", "-1"))
		case 4:
			return fmt.Sprintf("CASE WHEN %s THEN 1 WHEN %s THEN 2 END", g.boolean(1), g.boolean(1))
		case 5:
			return fmt.Sprintf("((%s) IS %s)", g.boolean(2), g.pick("UNKNOWN", "NOT FALSE", "NOT UNKNOWN"))
		default:
			return fmt.Sprintf("(%s)", g.boolean(3))
		}
	}) + " FROM a"
}
