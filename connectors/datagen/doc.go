// Package datagen makes rows up.
//
// A value is a function of the seed, the column's name and the row's number
// alone: the same table gives the same rows in every run, whichever columns a
// query reads, and reading can begin at any row.
//
//	value = f(mix(seed, name, row))      random: in [min, max], or one of values
//	value = start + row × step           sequence: ends after end
//
// With a scenario the rows are those of a table of internal/scenario, which begins
// at a row by making those before it.
package datagen
