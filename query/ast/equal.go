package ast

import (
	"reflect"

	"github.com/cepd/cepd/internal/diag"
)

// Equal says whether a and b are the same tree apart from where they stand in
// their texts: spans, comments and the spelling of quantifiers do not count.
func Equal(a, b Node) bool { return equal(reflect.ValueOf(a), reflect.ValueOf(b)) }

var (
	spanType    = reflect.TypeFor[diag.Span]()
	commentType = reflect.TypeFor[Comment]()
	quantType   = reflect.TypeFor[PatQuant]()
)

func equal(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	if !a.IsValid() || a.Type() == spanType {
		return true
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return equal(a.Elem(), b.Elem())
	case reflect.Slice:
		return equalSlices(a, b)
	case reflect.Struct:
		return equalStructs(a, b)
	}
	return a.Equal(b)
}

func equalSlices(a, b reflect.Value) bool {
	if a.Type().Elem() == commentType {
		return true
	}
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if !equal(a.Index(i), b.Index(i)) {
			return false
		}
	}
	return true
}

func equalStructs(a, b reflect.Value) bool {
	for i := range a.NumField() {
		if spelling := a.Type() == quantType && a.Type().Field(i).Name == "Text"; spelling && a.Interface().(PatQuant).inRange() {
			continue
		}
		if !equal(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}

// inRange: the bounds say all there is to say, the text adds nothing.
func (q PatQuant) inRange() bool { return q.Min != -2 && q.Max != -2 }
