// Package lake kills a cepd that writes files, and counts what is in them.
package lake
