// Package why reads the history of a query's sources again and says, for one
// key, what each match was made of, and why others came to nothing.
//
//	sources, from … to ──▶ the query's own operators, tracers as matchers ──▶ nothing
//	                                         │
//	                                         ▼
//	                                       Report
//
// Replaying gives what the query itself gave: operators know nothing but their
// input. The query that runs is not touched; nothing is written and no offset is
// committed.
package why
