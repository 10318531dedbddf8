// Package build turns a logical plan into operators: the one switch over plan
// nodes. The result is a graph of stages; what runs them is the engine.
//
//	Source payments [scan filter prepare] --hash(card)--> Match 0 [order matcher project] --> sink
//	Source refunds  [scan project prepare] ------^
//
// Stateless nodes are fused into the stage below them; a union pushes what
// stands above it into each of its inputs; a pattern begins a stage of its own,
// divided into shards by its key.
package build
