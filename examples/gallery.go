package examples

import "embed"

// Files is the texts of the examples that can be played: their statements, what
// happens in them.
//
//go:embed */*.sql */scenario.yaml
var Files embed.FS
