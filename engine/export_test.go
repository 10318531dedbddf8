package engine

// FormatVersion is for tests that keep states of each version.
const FormatVersion = formatVersion
