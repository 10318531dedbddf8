package api

import (
	"net/url"
	"slices"
	"strconv"
)

// listQuery is which part of a list is asked for.
type listQuery struct {
	After string `query:"after" doc:"Only what comes behind this name, in the order of names" maxLength:"1024"`
	Limit int    `query:"limit" doc:"At most so many; a Link header (rel=next) leads to the others" minimum:"1" maximum:"1000" default:"1000"`
}

// pageOf is a part of a list.
type pageOf[T any] struct {
	Link string `header:"Link" doc:"RFC 8288: rel=next, when there are more"`
	Body []T
}

// paged is the part of a list that is asked for, in the order of names: what comes
// and goes between two pages does not move the others.
func paged[T any](path string, in *listQuery, list []T, name func(*T) string) (*pageOf[T], error) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int { return compareNames(name(&a), name(&b)) })
	from := 0
	if in.After != "" {
		for from < len(list) && compareNames(name(&list[from]), in.After) <= 0 {
			from++
		}
	}
	out := &pageOf[T]{Body: list[from:]}
	if len(out.Body) > in.Limit {
		out.Body = out.Body[:in.Limit]
		next := url.Values{"after": {name(&out.Body[in.Limit-1])}, "limit": {strconv.Itoa(in.Limit)}}
		out.Link = "<" + path + "?" + next.Encode() + `>; rel="next"`
	}
	if out.Body == nil {
		out.Body = []T{}
	}
	return out, nil
}
