package parse

// folder turns a flat list of operands and left-associative operators of
// several precedences into a tree.
type folder[T any] struct {
	operands []T
	levels   []int
	makes    []func(l, r T) T
}

// add appends an operator; a higher level binds tighter.
func (f *folder[T]) add(level int, make func(l, r T) T) {
	f.levels = append(f.levels, level)
	f.makes = append(f.makes, make)
}

// fold is the shunting-yard algorithm: the stack holds operators of rising levels.
func (f *folder[T]) fold() T {
	values := f.operands[:1:1]
	var stack []int
	reduce := func() {
		op, n := stack[len(stack)-1], len(values)
		values[n-2] = f.makes[op](values[n-2], values[n-1])
		values, stack = values[:n-1], stack[:len(stack)-1]
	}
	for i, level := range f.levels {
		for len(stack) > 0 && f.levels[stack[len(stack)-1]] >= level {
			reduce()
		}
		stack, values = append(stack, i), append(values, f.operands[i+1])
	}
	for len(stack) > 0 {
		reduce()
	}
	return values[0]
}
