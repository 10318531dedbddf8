package ui

import (
	"embed"
	"io/fs"
)

//go:embed dist
var dist embed.FS

// Files are index.html and what it names. index.html is a template of
// html/template; the names of scripts and styles carry a hash of their content.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return files
}
