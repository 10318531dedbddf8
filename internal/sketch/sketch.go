// Package sketch has summaries of many values in little memory: how many
// distinct ones there are, and their quantiles. They merge, and the same values
// in the same order give the same bytes.
package sketch

import (
	"encoding/binary"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
	"github.com/axiomhq/hyperloglog"
)

// Distinct estimates the number of distinct values: HyperLogLog with 2^14
// registers, sparse while small. The standard error is 0.8 %.
type Distinct struct{ s *hyperloglog.Sketch }

// NewDistinct has seen nothing.
func NewDistinct() *Distinct { return &Distinct{hyperloglog.New14()} }

// Add takes a value by its 64-bit hash.
func (d *Distinct) Add(hash uint64) { d.s.InsertHash(hash) }

// Merge takes the values of o.
func (d *Distinct) Merge(o *Distinct) error { return d.s.Merge(o.s) }

// Count is the estimate.
func (d *Distinct) Count() int64 { return int64(d.s.Estimate()) }

// Append encodes the sketch behind its length.
func (d *Distinct) Append(dst []byte) ([]byte, error) {
	p, err := d.s.MarshalBinary()
	return append(binary.AppendUvarint(dst, uint64(len(p))), p...), err
}

// ReadDistinct decodes what Append wrote behind the length.
func ReadDistinct(src []byte) (*Distinct, error) {
	d := NewDistinct()
	return d, d.s.UnmarshalBinary(src)
}

// accuracy is the relative error of a quantile.
const accuracy = 0.01

// Quantiles estimates quantiles within 1 % of the value: DDSketch (Masson, Rim
// and Lee, "DDSketch", VLDB 2019). The order of the values does not matter.
type Quantiles struct{ s *ddsketch.DDSketch }

var logarithmic = func() mapping.IndexMapping {
	m, err := mapping.NewLogarithmicMapping(accuracy)
	if err != nil {
		panic(err) // the accuracy is a constant
	}
	return m
}()

// NewQuantiles has seen nothing.
func NewQuantiles() *Quantiles {
	return &Quantiles{ddsketch.NewDDSketchFromStoreProvider(logarithmic, store.DenseStoreConstructor)}
}

// Add takes a finite value; others do not count.
func (q *Quantiles) Add(x float64) error {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return q.s.Add(x)
}

// Merge takes the values of o.
func (q *Quantiles) Merge(o *Quantiles) error { return q.s.MergeWith(o.s) }

// At is the p-quantile, 0 <= p <= 1; an error without values.
func (q *Quantiles) At(p float64) (float64, error) { return q.s.GetValueAtQuantile(p) }

// Empty says whether no value counted.
func (q *Quantiles) Empty() bool { return q.s.IsEmpty() }

// Append encodes the sketch behind its length.
func (q *Quantiles) Append(dst []byte) []byte {
	var p []byte
	q.s.Encode(&p, true)
	return append(binary.AppendUvarint(dst, uint64(len(p))), p...)
}

// ReadQuantiles decodes what Append wrote behind the length.
func ReadQuantiles(src []byte) (*Quantiles, error) {
	s, err := ddsketch.DecodeDDSketch(src, store.DenseStoreConstructor, logarithmic)
	return &Quantiles{s}, err
}
