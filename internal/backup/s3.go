package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/cepd/cepd/internal/s3"
)

// bucket is a repository in an S3 bucket, or in a store that speaks S3.
type bucket struct{ objects *s3.Bucket }

// openS3 reads s3://bucket/prefix?endpoint=URL&region=NAME.
func openS3(text string) (store, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q: %w", text, err)
	case u.User != nil:
		return nil, errors.New("a URL of backups has no user or password: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	q := u.Query()
	for name := range q {
		if name != "endpoint" && name != "region" {
			return nil, fmt.Errorf("%q: %q is not known: endpoint and region are", text, name)
		}
	}
	objects, err := s3.Open(text, s3.Options{Endpoint: q.Get("endpoint"), Region: q.Get("region")})
	return bucket{objects}, err
}

func (b bucket) get(ctx context.Context, name string) (io.ReadCloser, error) {
	return b.objects.Get(ctx, name)
}

func (b bucket) put(ctx context.Context, name string, content io.ReadSeeker, size int64) error {
	return b.objects.Put(ctx, name, content, size)
}

func (b bucket) putNew(ctx context.Context, name string, content []byte) error {
	return b.objects.PutNew(ctx, name, content)
}

func (b bucket) list(ctx context.Context, prefix string, fn func(name string) error) error {
	return b.objects.List(ctx, prefix, fn)
}

func (b bucket) remove(ctx context.Context, name string) error { return b.objects.Remove(ctx, name) }
