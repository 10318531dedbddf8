package connectors

import "context"

// Committer is a Source that can tell the outside how far it has been read,
// for tools that show lag. Recovery does not depend on it.
type Committer interface {
	// CommitOffsets publishes the offset after the last processed record of
	// each partition. Without anywhere to publish to it does nothing.
	CommitOffsets(ctx context.Context, offsets map[int32]int64) error
}

// Keeper is a Source that lets go of records when nobody may have to read them
// again.
type Keeper interface {
	// Keep says, by partition, where the query's last snapshot is, which is on the
	// disk: it does not read anything before that any more.
	Keep(offsets map[int32]int64) error
}
