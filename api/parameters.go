package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cepd/cepd/connectors/formats"
	posted "github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/state/intake"
)

// parameters is a table of parameters. Changes come one by one.
type parameters struct {
	table  *catalog.Table
	log    *intake.Log
	poster *posted.Poster

	mu      sync.Mutex
	current map[string]*Parameter // by key, as in paths; also those deleted
}

// maxParameterKeys bounds a table.
const maxParameterKeys = 100_000

// Parameter is a version of a row.
type Parameter struct {
	Key       string                     `json:"key" doc:"As in paths: the value, or, of several columns, a JSON array"`
	Values    map[string]json.RawMessage `json:"values,omitempty" doc:"The columns; none when it was deleted"`
	Version   int64                      `json:"version" doc:"Of the table: each change has the next"`
	ValidFrom time.Time                  `json:"valid_from" doc:"Rows of this time and later are judged by it"`
	Changed   time.Time                  `json:"changed"`
	By        string                     `json:"by,omitempty"`
	Deleted   bool                       `json:"deleted,omitempty"`
}

func (p *Parameter) etag() string { return `"` + strconv.FormatInt(p.Version, 10) + `"` }

// parametersOf finds a table of parameters.
func (s *Service) parametersOf(name string) (*parameters, error) {
	t, ok := s.definitions().Table(name)
	switch {
	case !ok:
		return nil, notFound("there is no table %q", name)
	case loggedBy(t) != formats.Parameters:
		return nil, badRequest("table %s has no parameters: that takes 'connector' = 'parameters'", t.Name)
	case s.runner.Intake() == nil:
		return nil, badRequest("this server keeps no parameters")
	}
	s.posters.mu.Lock()
	defer s.posters.mu.Unlock()
	if p := s.posters.parameters[t]; p != nil {
		return p, nil
	}
	p, err := s.newParameters(t)
	if err != nil {
		return nil, err
	}
	if s.posters.parameters == nil {
		s.posters.parameters = map[*catalog.Table]*parameters{}
	}
	s.posters.parameters[t] = p
	return p, nil
}

func (s *Service) newParameters(t *catalog.Table) (*parameters, error) {
	for _, i := range t.PrimaryKey {
		switch k := t.Columns[i].Type.Kind; k {
		case event.String, event.Int32, event.Int64, event.Bool:
		default:
			return nil, badRequest("table %s: a key of parameters is of text, whole numbers or BOOLEAN; %s is %s", t.Name, t.Columns[i].Name, t.Columns[i].Type)
		}
	}
	table, err := s.runner.Connect(t)
	if err != nil {
		return nil, err
	}
	table.Options = map[string]string{"format": "json"}
	p := &parameters{table: t, current: map[string]*Parameter{}}
	if p.poster, err = posted.NewPoster(table); err != nil {
		return nil, badRequest("table %s: %v", t.Name, err)
	}
	if p.log, err = s.runner.Intake().Log(t.Name); err != nil {
		return nil, err
	}
	return p, p.versions(func(v *Parameter) { p.current[v.Key] = v })
}

// versions calls fn for each change, in order.
func (p *parameters) versions(fn func(v *Parameter)) error {
	return p.log.Blocks(0, func(b *intake.Block) error {
		for i, r := range b.Records {
			v := &Parameter{Version: b.First + int64(i) + 1, ValidFrom: time.UnixMicro(r.Time).UTC(), Changed: time.UnixMicro(b.Received).UTC(), By: b.By, Deleted: r.Value == nil}
			var key map[string]json.RawMessage
			if err := json.Unmarshal(r.Key, &key); err != nil {
				return fmt.Errorf("table %s: parameter version %d: %w", p.table.Name, v.Version, err)
			}
			if v.Key = p.keyText(key); !v.Deleted {
				if err := json.Unmarshal(r.Value, &v.Values); err != nil {
					return fmt.Errorf("table %s: parameter version %d: %w", p.table.Name, v.Version, err)
				}
			}
			fn(v)
		}
		return nil
	})
}

// keyText is how a key stands in paths.
func (p *parameters) keyText(key map[string]json.RawMessage) string {
	var list []json.RawMessage
	for _, i := range p.table.PrimaryKey {
		list = append(list, key[p.table.Columns[i].Name])
	}
	if len(list) > 1 {
		text, _ := json.Marshal(list) // they are JSON
		return string(text)
	}
	var text string
	if json.Unmarshal(list[0], &text) == nil {
		return text
	}
	return string(list[0])
}

// parseKey is the reverse of keyText.
func (p *parameters) parseKey(text string) (map[string]json.RawMessage, error) {
	parts := []string{text}
	if n := len(p.table.PrimaryKey); n > 1 {
		var list []any
		if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != n {
			return nil, badRequest("the key of table %s has %d columns: expected a JSON array of so many values, found %q", p.table.Name, n, text)
		}
		parts = parts[:0]
		for _, x := range list {
			parts = append(parts, fmt.Sprint(x))
		}
	}
	key := map[string]json.RawMessage{}
	for k, i := range p.table.PrimaryKey {
		c := &p.table.Columns[i]
		value, err := keyValue(c, parts[k])
		if err != nil {
			return nil, err
		}
		key[c.Name] = value
	}
	return key, nil
}

func keyValue(c *catalog.Column, text string) (json.RawMessage, error) {
	switch c.Type.Kind {
	case event.Bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return strconv.AppendBool(nil, b), nil
		}
	case event.Int32, event.Int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return strconv.AppendInt(nil, n, 10), nil
		}
	default:
		if text != "" {
			return json.Marshal(text)
		}
	}
	return nil, badRequest("key %s: expected %s, found %q", c.Name, c.Type, text)
}

// ParameterChange sets a row of parameters, or deletes it (Values nil).
type ParameterChange struct {
	Key       string
	Values    map[string]json.RawMessage
	ValidFrom time.Time // zero: now
	By        string
	Match     string // the version that it has, as an ETag; *: any; empty: whatever there is
	NoneMatch string // *: there is no such row
}

// ChangeParameter makes the next version of a row.
func (s *Service) ChangeParameter(ctx context.Context, table string, c *ParameterChange) (*Parameter, error) {
	p, err := s.parametersOf(table)
	if err != nil {
		return nil, err
	}
	key, err := p.parseKey(c.Key)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := p.keyText(key)
	if err := p.allowed(name, c); err != nil {
		return nil, err
	}
	record, err := p.record(key, c)
	if err != nil {
		return nil, err
	}
	r, err := p.log.Append(ctx, &intake.Post{Records: []intake.Record{record}, By: c.By})
	if err != nil {
		if errors.Is(err, intake.ErrUnknown) { // it may be there: look again
			s.posters.mu.Lock()
			delete(s.posters.parameters, p.table)
			s.posters.mu.Unlock()
		}
		return nil, intakeProblem(p.table.Name, err)
	}
	v := &Parameter{Key: name, Version: r.First + 1, ValidFrom: time.UnixMicro(record.Time).UTC(), Changed: time.UnixMicro(r.Received).UTC(), By: c.By, Deleted: c.Values == nil}
	if !v.Deleted {
		if err := json.Unmarshal(record.Value, &v.Values); err != nil {
			return nil, err
		}
	}
	p.current[name] = v
	return v, nil
}

// allowed checks what a change asks of the row as it is; mu is held.
func (p *parameters) allowed(name string, c *ParameterChange) error {
	now, known := p.current[name]
	there := known && !now.Deleted
	switch {
	case c.Match != "" && !(there && (c.Match == "*" || c.Match == now.etag())), c.NoneMatch == "*" && there:
		was := "there is no such row"
		if known {
			was = "it is version " + strconv.FormatInt(now.Version, 10)
		}
		return newProblem(http.StatusPreconditionFailed, "parameter "+name+" has been changed: "+was)
	case c.Values == nil && !there:
		return notFound("table %s has no parameter %q", p.table.Name, name)
	case known && !c.ValidFrom.IsZero() && c.ValidFrom.Before(now.ValidFrom):
		return conflict("parameter %s was changed as of %s: a later change cannot be valid from before that", name, now.ValidFrom.Format(time.RFC3339Nano))
	case !known && len(p.current) >= maxParameterKeys:
		return badRequest("table %s has %d keys, which is the most", p.table.Name, maxParameterKeys)
	}
	return nil
}

// record is the record of a change; mu is held.
func (p *parameters) record(key map[string]json.RawMessage, c *ParameterChange) (r intake.Record, err error) {
	at := c.ValidFrom
	if at.IsZero() {
		at = time.Now()
		if v := p.current[p.keyText(key)]; v != nil && v.ValidFrom.After(at) {
			return r, conflict("parameter %s changes at %s: say valid_from, not before that", v.Key, v.ValidFrom.Format(time.RFC3339Nano))
		}
	}
	if r.Time = at.UnixMicro(); r.Time <= 0 {
		return r, badRequest("valid_from must be after 1970")
	}
	if r.Key, err = json.Marshal(key); err != nil || c.Values == nil {
		return r, err
	}
	row := map[string]json.RawMessage{}
	for name, value := range c.Values {
		i := p.table.Column(name)
		if i < 0 || p.table.Columns[i].Kind != catalog.Physical {
			return r, badRequest("table %s has no column %s", p.table.Name, name)
		}
		row[p.table.Columns[i].Name] = value
	}
	maps.Copy(row, key)
	if r.Value, err = json.Marshal(row); err != nil {
		return r, badRequest("values: %v", err)
	}
	if _, err := p.poster.Records("application/json", nil, r.Value); err != nil {
		return r, badRequest("nothing was changed: %s", strings.TrimPrefix(err.Error(), "record 1: "))
	}
	return r, nil
}

// Parameters lists the rows of a table by key, without those that were deleted.
func (s *Service) Parameters(table, after string, limit int) (list []Parameter, next string, err error) {
	p, err := s.parametersOf(table)
	if err != nil {
		return nil, "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list = []Parameter{}
	for _, name := range slices.Sorted(maps.Keys(p.current)) {
		if v := p.current[name]; !v.Deleted && name > after {
			if len(list) == limit {
				return list, list[limit-1].Key, nil
			}
			list = append(list, *v)
		}
	}
	return list, "", nil
}

// maxHistory is how many versions of a row are told, the last.
const maxHistory = 1000

// ParameterHistory is the versions of a row, the last first.
func (s *Service) ParameterHistory(table, key string) ([]Parameter, error) {
	p, err := s.parametersOf(table)
	if err != nil {
		return nil, err
	}
	parsed, err := p.parseKey(key)
	if err != nil {
		return nil, err
	}
	name := p.keyText(parsed)
	list := []Parameter{}
	err = p.versions(func(v *Parameter) {
		if v.Key != name {
			return
		}
		if list = append(list, *v); len(list) > maxHistory {
			list = list[1:]
		}
	})
	if err == nil && len(list) == 0 {
		err = notFound("table %s has no parameter %q", p.table.Name, name)
	}
	slices.Reverse(list)
	return list, err
}

// ParameterPage is a page of a list.
type ParameterPage struct {
	Parameters []Parameter `json:"parameters"`
	Next       string      `json:"next,omitempty" doc:"The after of the next page"`
}

type parameterAnswer struct {
	ETag string `header:"ETag"`
	Body *Parameter
}

// NewValues are what a row of parameters is set to.
type NewValues struct {
	Values    map[string]json.RawMessage `json:"values" doc:"The columns but for the key; one that is left out is NULL"`
	ValidFrom time.Time                  `json:"valid_from,omitempty" doc:"Default: now"`
}

func registerParameters(api huma.API, s *Service) {
	huma.Register(api, operation(http.MethodGet, "/v1/tables/{name}/parameters", "list-parameters", "The parameters of a table, by key", 0),
		func(_ context.Context, in *struct {
			Name  string `path:"name" doc:"Name of the table" maxLength:"256"`
			After string `query:"after" doc:"The next of the page before" maxLength:"1024"`
			Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		}) (*body[*ParameterPage], error) {
			list, next, err := s.Parameters(in.Name, in.After, in.Limit)
			return answer(&ParameterPage{list, next}, err)
		})
	huma.Register(api, operation(http.MethodPut, "/v1/tables/{name}/parameters/{key}", "set-parameter", "Set a row of parameters: the next version of it", 0),
		func(ctx context.Context, in *struct {
			Name      string `path:"name" doc:"Name of the table" maxLength:"256"`
			Key       string `path:"key" doc:"The key: its value, or, of several columns, a JSON array" maxLength:"1024"`
			Match     string `header:"If-Match" doc:"The version that is changed, as its ETag" maxLength:"64"`
			NoneMatch string `header:"If-None-Match" doc:"*: only if there is no such row" maxLength:"64"`
			Body      NewValues
		}) (*parameterAnswer, error) {
			if in.Body.Values == nil {
				return nil, asProblem(badRequest("values is missing"))
			}
			return s.changed(ctx, in.Name, &ParameterChange{in.Key, in.Body.Values, in.Body.ValidFrom, who(ctx), in.Match, in.NoneMatch})
		})
	huma.Register(api, operation(http.MethodDelete, "/v1/tables/{name}/parameters/{key}", "delete-parameter", "Delete a row of parameters", http.StatusOK),
		func(ctx context.Context, in *struct {
			Name      string    `path:"name" doc:"Name of the table" maxLength:"256"`
			Key       string    `path:"key" doc:"The key: its value, or, of several columns, a JSON array" maxLength:"1024"`
			Match     string    `header:"If-Match" doc:"The version that is deleted, as its ETag" maxLength:"64"`
			ValidFrom time.Time `query:"valid_from" doc:"Default: now"`
		}) (*parameterAnswer, error) {
			return s.changed(ctx, in.Name, &ParameterChange{in.Key, nil, in.ValidFrom, who(ctx), in.Match, ""})
		})
	huma.Register(api, operation(http.MethodGet, "/v1/tables/{name}/parameters/{key}/history", "parameter-history", "The versions of a row of parameters, the last first", 0),
		func(_ context.Context, in *parameterPathInput) (*body[[]Parameter], error) {
			return answer(s.ParameterHistory(in.Name, in.Key))
		})
}

type parameterPathInput struct {
	Name string `path:"name" doc:"Name of the table" maxLength:"256"`
	Key  string `path:"key" doc:"The key: its value, or, of several columns, a JSON array" maxLength:"1024"`
}

func (s *Service) changed(ctx context.Context, table string, c *ParameterChange) (*parameterAnswer, error) {
	v, err := s.ChangeParameter(ctx, table, c)
	if err != nil {
		return nil, withHeaders(err)
	}
	return &parameterAnswer{v.etag(), v}, nil
}
