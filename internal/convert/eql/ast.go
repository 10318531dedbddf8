package eql

import (
	"time"

	"github.com/cepd/cepd/internal/diag"
)

// query is an event, or a sequence.
type query struct {
	event    *event
	sequence *sequence
}

type sequence struct {
	span    diag.Span
	by      []key
	maxspan time.Duration // 0: none is given
	items   []item
	until   *item
}

// item is an event in brackets.
type item struct {
	span    diag.Span
	missing bool
	event   event
	by      []key
	runs    int
}

// key is a field that the events of a sequence share.
type key struct {
	span     diag.Span
	path     string
	optional bool // NULL is a value like others
}

type event struct {
	category string // "": any
	where    expr
}

// expr is a condition or a value.
type expr interface{ at() diag.Span }

type (
	place struct{ span diag.Span }

	field struct {
		place
		path string
	}
	text struct {
		place
		value string
	}
	number struct {
		place
		literal string
	}
	boolean struct {
		place
		value bool
	}
	null  struct{ place }
	logic struct {
		place
		op   string // AND, OR
		l, r expr
	}
	not struct {
		place
		x expr
	}
	// compare has one value on the right, or several of a list.
	compare struct {
		place
		op     string // ==, !=, <, <=, >, >=, :, in, like, regex
		tilde  bool
		negate bool
		l      expr
		values []expr
	}
	arithmetic struct {
		place
		op   string
		l, r expr
	}
	call struct {
		place
		name  string
		tilde bool
		args  []expr
	}
)

func (p place) at() diag.Span { return p.span }
