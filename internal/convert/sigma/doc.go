// Package sigma converts Sigma rules to cepd's SQL: correlation rules of version 2 of the
// specification, and the detections that they correlate.
//
//	event_count       COUNT(*)          OVER (… RANGE BETWEEN timespan PRECEDING AND CURRENT ROW) >= n
//	value_count       COUNT(DISTINCT x) OVER (…) >= n
//	temporal          each rule is counted OVER (…)
//	temporal_ordered  PATTERN (E1 ->> E2) WITHIN timespan
//
// The specification leaves open at which moments a correlation is looked at, apart from
// that the time frame should not be cut at fixed boundaries. Here it is looked at when an
// event comes that one of its rules matches: the time frame is the timespan up to the
// event, both ends included, and the event is what is found.
package sigma
