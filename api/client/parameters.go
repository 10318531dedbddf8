package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cepd/cepd/api"
)

// Parameters are the rows of a table of parameters, by key, to its end.
func (c *Client) Parameters(ctx context.Context, table string) (list []api.Parameter, err error) {
	for v := (url.Values{"limit": {"1000"}}); ; {
		var page api.ParameterPage
		if err := c.do(ctx, call{pattern: "GET /v1/tables/{name}/parameters", vars: []string{table}, query: v}, &page); err != nil {
			return list, err
		}
		list = append(list, page.Parameters...)
		if page.Next == "" {
			return list, nil
		}
		v.Set("after", page.Next)
	}
}

// SetParameter sets a row of parameters. If version is not 0 the row must be of
// that version, or nothing happens.
func (c *Client) SetParameter(ctx context.Context, table, key string, values api.NewValues, version int64) (*api.Parameter, error) {
	out := &api.Parameter{}
	return out, c.do(ctx, call{pattern: "PUT /v1/tables/{name}/parameters/{key}", vars: []string{table, key}, header: ifVersion(version), in: values}, out)
}

// DeleteParameter deletes a row of parameters, from a time on (zero: now); version
// is as for SetParameter.
func (c *Client) DeleteParameter(ctx context.Context, table, key string, from time.Time, version int64) (*api.Parameter, error) {
	v := url.Values{}
	setTime(v, "valid_from", from)
	out := &api.Parameter{}
	return out, c.do(ctx, call{pattern: "DELETE /v1/tables/{name}/parameters/{key}", vars: []string{table, key}, query: v, header: ifVersion(version)}, out)
}

// ParameterHistory is the versions of a row of parameters, the last first.
func (c *Client) ParameterHistory(ctx context.Context, table, key string) ([]api.Parameter, error) {
	var out []api.Parameter
	return out, c.do(ctx, call{pattern: "GET /v1/tables/{name}/parameters/{key}/history", vars: []string{table, key}}, &out)
}

func ifVersion(version int64) http.Header {
	if version == 0 {
		return nil
	}
	return http.Header{"If-Match": {`"` + strconv.FormatInt(version, 10) + `"`}}
}
