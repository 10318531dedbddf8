// Package order holds rows back until the watermark has passed them and
// releases them sorted by (time, order keys, ID).
//
//	rows of a step (views) --+
//	                         +--> heap by first row --> segments <= watermark --> out
//	chunks (sorted copies) --+          |
//	      ^                             | rows above the watermark
//	      +-----------------------------+
//
// A segment is a run of rows of one batch that no other run interleaves with:
// long ones leave as a selection of the batch they lie in, uncopied; short ones
// are gathered. So ordered input whose time the watermark has passed goes
// through without a copy, and rows that wait are copied once.
package order
