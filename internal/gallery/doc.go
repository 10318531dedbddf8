// Package gallery plays the examples: events of a scenario go through the
// statements of an example, on the real engine in virtual time, and what they find
// is compared with what was planted.
//
//	scenario.yaml -> events --> NAME.sql --> detections --+
//	      |                                               +--> planted, found, missed,
//	      +-------> labels -------------------------------+    false alarms
package gallery
