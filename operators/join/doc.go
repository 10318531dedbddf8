// Package join brings rows of two inputs together whose keys are equal.
//
// Both inputs come to one stage, in rows that have the columns of either, and
// are taken in the order of time. So when a row is taken, all rows before it
// have been:
//
//	interval   a row meets the rows held of the other side, and is held until
//	           the time is past in which a partner can come
//	versioned  of the right, the last row of each key is held: the one that is
//	           valid for a left row that comes now
//	static     the right side is held, and complete before the first left row
//
// Held rows lie in logs: chunks of columns that are written at the end and
// freed at the front, for rows of one side pass away in the order in which
// they came.
package join
