// Package formats makes the decoder or encoder that a table's 'format' option
// names, and cuts files into records.
//
//	'format' = 'json'      one object per record          formats/json
//	'format' = 'csv'       one line per record            formats/csv
//	'format' = 'raw'       the record is the one column   formats/raw
//	'format' = 'parquet'   a file is rows in columns      formats/parquet
//
// A key may have a format of its own: with 'value.format' the options of the
// value's format start with 'value.'.
package formats
