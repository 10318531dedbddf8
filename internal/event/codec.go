package event

import (
	"encoding/binary"
	"errors"
)

// ErrCorrupt says that bytes are not an encoded value.
var ErrCorrupt = errors.New("corrupt encoding of a value")

// AppendValue encodes a value of type t: a byte that is 0 for NULL and 1
// otherwise, then 8 bytes (16 for a wide DECIMAL), or a length and the bytes or
// elements. The encoding is part of the state format.
func AppendValue(dst []byte, t Type, v Value) []byte {
	if v.Null || t.Kind == Null {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	switch t.Physical() {
	case PhysStr:
		return append(binary.AppendUvarint(dst, uint64(len(v.S))), v.S...)
	case PhysI128:
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, uint64(v.I)), uint64(v.Hi))
	case PhysNested:
		dst = binary.AppendUvarint(dst, uint64(len(v.L)))
		for i, x := range v.L {
			dst = AppendValue(dst, t.part(i), x)
		}
		return dst
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(v.I))
}

// part is the type of entry i of a nested Value's L.
func (t Type) part(i int) Type {
	switch {
	case t.Kind == Row:
		return t.Fields[i].Type
	case t.Kind == Map && i%2 == 0:
		return *t.Key
	}
	return *t.Elem
}

// ReadValue decodes what AppendValue made and returns what follows it. Strings
// are views of src.
func ReadValue(src []byte, t Type) (Value, []byte, error) {
	if len(src) == 0 || src[0] > 1 {
		return Value{}, nil, ErrCorrupt
	}
	if src[0] == 0 {
		return NullValue, src[1:], nil
	}
	src = src[1:]
	switch t.Physical() {
	case PhysStr:
		n, src, err := readLen(src)
		if err != nil {
			return Value{}, nil, err
		}
		return Value{S: src[:n:n]}, src[n:], nil
	case PhysNested:
		return readNested(src, t)
	case PhysI128:
		if len(src) < 16 {
			return Value{}, nil, ErrCorrupt
		}
		return Value{I: int64(binary.LittleEndian.Uint64(src)), Hi: int64(binary.LittleEndian.Uint64(src[8:]))}, src[16:], nil
	}
	if len(src) < 8 {
		return Value{}, nil, ErrCorrupt
	}
	return Value{I: int64(binary.LittleEndian.Uint64(src))}, src[8:], nil
}

// readLen reads a length that must not exceed what follows.
func readLen(src []byte) (int, []byte, error) {
	n, w := binary.Uvarint(src)
	if w <= 0 || n > uint64(len(src)-w) {
		return 0, nil, ErrCorrupt
	}
	return int(n), src[w:], nil
}

func readNested(src []byte, t Type) (Value, []byte, error) {
	n, src, err := readLen(src)
	if err != nil || t.Kind == Row && n != len(t.Fields) || t.Kind == Map && n%2 != 0 {
		return Value{}, nil, ErrCorrupt
	}
	v := Value{L: make([]Value, n)}
	for i := range v.L {
		if v.L[i], src, err = ReadValue(src, t.part(i)); err != nil {
			return Value{}, nil, err
		}
	}
	return v, src, nil
}
