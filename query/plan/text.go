package plan

import (
	"fmt"
	"io"
	"reflect"

	"github.com/cepd/cepd/internal/diag"
)

// Describer writes plans and parts of them as text, field by field, without places
// in the SQL: what hashes and identities are made of.
type Describer struct {
	io.Writer
	// Left says which fields are left out: name is type and field, as
	// plan.Match.Text.
	Left func(name string, t reflect.Type, v reflect.Value) bool
	// Named writes what is told by its name rather than described, if v is.
	Named func(v any) bool
}

// Describe writes a value.
func (d *Describer) Describe(v any) { d.value(reflect.ValueOf(v)) }

func (d *Describer) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		switch {
		case v.IsNil():
			fmt.Fprint(d, "nil;")
		case !d.Named(v.Interface()):
			d.value(v.Elem())
		}
	case reflect.Struct:
		d.fields(v)
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(d, "[%d:", v.Len())
		for i := range v.Len() {
			d.value(v.Index(i))
		}
		fmt.Fprint(d, "]")
	case reflect.Func, reflect.Map, reflect.Chan:
		fmt.Fprint(d, "-;")
	default:
		fmt.Fprintf(d, "%#v;", v.Interface())
	}
}

func (d *Describer) fields(v reflect.Value) {
	fmt.Fprintf(d, "%s{", v.Type())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Type == reflect.TypeFor[diag.Span]() || d.Left(v.Type().String()+"."+f.Name, f.Type, v.Field(i)) {
			continue
		}
		fmt.Fprintf(d, "%s:", f.Name)
		d.value(v.Field(i))
	}
	fmt.Fprint(d, "}")
}
