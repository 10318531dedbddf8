package connectors

import "context"

// Committer is a Source that can tell the outside how far it has been read,
// for tools that show lag. Recovery does not depend on it.
type Committer interface {
	// CommitOffsets publishes the offset after the last processed record of
	// each partition. Without anywhere to publish to it does nothing.
	CommitOffsets(ctx context.Context, offsets map[int32]int64) error
}
