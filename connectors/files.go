package connectors

// OptPruning says of a table of many files whether those are left out of which a
// query takes no row.
const OptPruning = "source.partition-pruning"

// The values of OptPruning.
const (
	PruneAuto   = "auto" // unless their rows move the watermark
	PruneAlways = "always"
	PruneNever  = "never"
)

// Filed is a Reader of files that knows how many there are. It is asked between two
// polls.
type Filed interface {
	Files() Files
}

// Files are those of a partition, as far as they have been found.
type Files struct {
	Files   int64 // all of them
	Skipped int64 // passed over so far, since no row of them is taken
	Bytes   int64 // of all but those, as they are kept
	Read    int64 // of the bytes: those before the position, about
}
