package cepd

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/cepd/cepd/connectors/http"
	"github.com/cepd/cepd/query/catalog"
	"github.com/cepd/cepd/state/intake"
)

// ErrFull says that a post is not taken, as queries have not read so much yet: post it
// again later.
var ErrFull = intake.ErrFull

// Post is records for a table with 'connector' = 'http' and no 'url', as a handler of
// the program has got them.
type Post struct {
	Body        []byte // in the format of the table: an object, an array, or lines
	ContentType string // tells lines of JSON from one text of it; may be empty
	Signature   string // of Body, where the table has 'http.hmac-secret'
	Key         string // the same post with the same key is taken once, for 24 hours; may be empty
}

// poster is a table that is posted to.
type poster struct {
	*http.Poster
	log *intake.Log
}

// Post keeps records for the queries that read a table: all of them or, after an error,
// none. When it returns they are on the disk, if there is a DataDir, and are read again
// after a crash.
func (e *Engine) Post(ctx context.Context, table string, p Post) error {
	to, err := e.poster(table)
	if err != nil {
		return err
	}
	if err := to.Verify(p.Signature, p.Body); err != nil {
		return err
	}
	records, err := to.Records(p.ContentType, nil, p.Body)
	if err != nil {
		return fmt.Errorf("table %s: nothing was taken: %w", table, err)
	}
	post := &intake.Post{Records: records, Key: p.Key}
	if p.Key != "" {
		post.Sum = sha256.Sum256(p.Body)
	}
	_, err = to.log.Append(ctx, post)
	return err
}

func (e *Engine) poster(table string) (*poster, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, ok := e.cat.Table(table)
	switch {
	case !ok:
		return nil, fmt.Errorf("there is no table %q", table)
	case e.posters[t] != nil:
		return e.posters[t], nil
	case !posted(t):
		return nil, fmt.Errorf("nothing can be posted to table %s: that takes 'connector' = 'http', without 'url'", t.Name)
	}
	options, err := e.engine.Connect(t)
	if err != nil {
		return nil, err
	}
	p := &poster{}
	if p.Poster, err = http.NewPoster(options); err != nil {
		return nil, err
	}
	if p.log, err = e.logs.Log(t.Name); err != nil {
		return nil, err
	}
	p.log.Limit(http.Limits(options.Options))
	e.posters[t] = p
	return p, nil
}

func posted(t *catalog.Table) bool {
	return t.Option("connector", "") == "http" && t.Option("url", "") == ""
}
