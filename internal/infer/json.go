package infer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxDepth is how deep values are nested at most.
const maxDepth = 64

// ofJSON is the guess of a record.
func ofJSON(record string) (g guess, err error) {
	d := json.NewDecoder(strings.NewReader(record))
	d.UseNumber()
	if g, err = value(d, 0); err != nil {
		return g, err
	}
	if d.More() {
		return g, errors.New("there is more behind the value")
	}
	if g.shape != object {
		return g, errors.New("it is no JSON object")
	}
	return g, nil
}

func value(d *json.Decoder, depth int) (g guess, err error) {
	t, err := d.Token()
	if err != nil {
		return g, err
	}
	if depth > maxDepth {
		return g, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	switch x := t.(type) {
	case bool:
		g.shape = boolean
	case json.Number:
		g = ofNumber(x.String())
	case string:
		g = ofText(x)
	case json.Delim:
		g, err = inside(d, x, depth)
	}
	return g, err
}

// inside is the guess of an array or an object that has begun.
func inside(d *json.Decoder, begin json.Delim, depth int) (g guess, err error) {
	g.shape = object
	if begin == '[' {
		g.shape, g.elem = array, &guess{}
	}
	for d.More() {
		into := g.elem
		if g.shape == object {
			name, err := d.Token()
			if err != nil {
				return g, err
			}
			into = g.field(name.(string)) // the decoder has checked that
		}
		v, err := value(d, depth+1)
		if err != nil {
			return g, err
		}
		into.join(&v)
	}
	_, err = d.Token()
	return g, err
}
