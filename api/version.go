package api

import (
	"cmp"
	"slices"
	"time"
)

// MaxVersions bounds the versions of a query that are kept, the current one
// included. The oldest goes.
const MaxVersions = 20

// Version is one text of a query.
type Version struct {
	Number   int               `json:"number" doc:"From 1"`
	SQL      string            `json:"sql"`
	Params   map[string]string `json:"params,omitempty"`
	Settings map[string]string `json:"settings,omitempty" doc:"SET in effect"`
	Created  time.Time         `json:"created"`
	By       string            `json:"by,omitempty" doc:"Who submitted it"`
	State    string            `json:"state,omitempty" doc:"What became of the state of the version before"`
}

// number is that of the current version.
func (s *Statement) number() int { return max(s.Number, 1) }

// version is the current one.
func (s *Statement) version() Version {
	return Version{Number: s.number(), SQL: s.SQL, Params: s.Params, Settings: s.Settings, Created: s.Created, By: s.By, State: s.State}
}

// become makes v the current version.
func (s *Statement) become(v *Version) {
	past := append(slices.Clone(s.Past), s.version())
	s.Past = past[max(0, len(past)-MaxVersions+1):]
	s.Number, s.SQL, s.Params, s.Settings, s.Created, s.By, s.State = v.Number, v.SQL, v.Params, v.Settings, v.Created, v.By, v.State
	s.Pending, s.Shadow = nil, nil
}

// settle ends changes that were under way when the server ended: the state of
// the query says whether it is of the pending version.
func (r *registry) settle(versionOf func(query string) (int, error)) error {
	list := slices.Clone(r.statements)
	changed := false
	for _, s := range r.statements {
		if s.Pending == nil {
			continue
		}
		n, err := versionOf(s.Name)
		if err != nil {
			return err
		}
		changed = true
		i := find(list, kindQuery, s.Name)
		if n == s.Pending.Number {
			list = promoted(list, i)
		} else {
			list[i].Pending = nil
		}
	}
	if !changed {
		return nil
	}
	return r.replace(list)
}

// Versions lists the versions of a query that are kept, the current one first.
func (s *Service) Versions(name string) ([]Version, error) {
	list := s.statements()
	i := find(list, kindQuery, name)
	if i < 0 {
		return nil, notFound("there is no query %q", name)
	}
	versions := append(slices.Clone(list[i].Past), list[i].version())
	slices.SortFunc(versions, func(a, b Version) int { return cmp.Compare(b.Number, a.Number) })
	return versions, nil
}

// edit changes the statement of a query, on disk first. The caller holds
// changes.
func (s *Service) edit(name string, f func(*Statement)) error {
	list := slices.Clone(s.statements())
	i := find(list, kindQuery, name)
	if i < 0 {
		return notFound("there is no query %q", name)
	}
	f(&list[i])
	return s.keep(list)
}
