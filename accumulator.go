package cepd

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/cepd/cepd/internal/event"
)

// accumulator keeps a state of Go as bytes, for snapshots.
type accumulator[S any, A, R Value] struct {
	steps Steps[S, A, R]
	arg   codec[A]
	out   codec[R]
}

func (*accumulator[S, A, R]) Size() int                { return 1 }
func (*accumulator[S, A, R]) Init(state []event.Value) { state[0] = event.NullValue }

func (*accumulator[S, A, R]) load(v event.Value) (s S, err error) {
	if !v.Null {
		err = binary.Read(bytes.NewReader(v.S), binary.LittleEndian, &s)
	}
	return s, err
}

// store uses new memory: that of the old state may be another's too.
func (*accumulator[S, A, R]) store(s S, state []event.Value) (err error) {
	buf, err := binary.Append(nil, binary.LittleEndian, s)
	state[0] = event.Value{S: buf}
	return err
}

func (a *accumulator[S, A, R]) Add(state []event.Value, args []event.Value) (err error) {
	defer caught(&err)
	s, err := a.load(state[0])
	if err != nil {
		return err
	}
	x, err := a.arg.get(args[0])
	if err == nil {
		err = a.steps.Add(&s, x)
	}
	if err != nil {
		return err
	}
	return a.store(s, state)
}

func (a *accumulator[S, A, R]) Merge(state, other []event.Value) (err error) {
	defer caught(&err)
	if other[0].Null {
		return nil
	}
	s, err1 := a.load(state[0])
	o, err2 := a.load(other[0])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	a.steps.Merge(&s, o)
	return a.store(s, state)
}

func (a *accumulator[S, A, R]) Result(state []event.Value, out *event.Value) (err error) {
	defer caught(&err)
	s, err := a.load(state[0])
	if err != nil {
		return err
	}
	*out = event.Value{}
	x, err := a.steps.Result(s)
	return a.out.give(x, err, out)
}
