// Package backtest runs a query, or a change of it beside the version before, on
// what its sources have had, and compares the detections.
//
//	history ──▶ before ──▶ detections ─┐
//	        ──▶ after  ──▶ detections ─┴─▶ appear, disappear, change;  per day, per segment
//	        ──▶ labels ──▶ labelled rows ──▶ precision, recall, money
//
// Detections of the two versions are the same when they are made by the same
// rows: both versions run under one name, on which ids depend.
package backtest
