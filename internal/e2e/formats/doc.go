// Package formats holds tests of whole queries between topics in binary
// formats, with a schema registry that fails meanwhile.
package formats
