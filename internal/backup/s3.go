package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// bucket is a repository in an S3 bucket, or in a store that speaks S3.
// Credentials come from the environment (AWS_ACCESS_KEY_ID …), from the file that
// AWS_SHARED_CREDENTIALS_FILE names (default ~/.aws/credentials), or from the
// machine's role. They are kept nowhere.
type bucket struct {
	client *minio.Client
	name   string
	prefix string // "" or ends with a slash
}

const defaultEndpoint = "https://s3.amazonaws.com"

// openS3 reads s3://bucket/prefix?endpoint=URL&region=NAME.
func openS3(text string) (store, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q: %w", text, err)
	case u.User != nil:
		return nil, errors.New("a URL of backups has no user or password: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	case u.Host == "":
		return nil, fmt.Errorf("%q names no bucket: write s3://bucket/prefix", text)
	}
	q := u.Query()
	for name := range q {
		if name != "endpoint" && name != "region" {
			return nil, fmt.Errorf("%q: %q is not known: endpoint and region are", text, name)
		}
	}
	end, err := url.Parse(firstOf(q.Get("endpoint"), os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), defaultEndpoint))
	if err != nil || end.Host == "" || end.Scheme != "http" && end.Scheme != "https" || end.User != nil {
		return nil, fmt.Errorf("%q: the endpoint must be http://host:port or https://host:port", text)
	}
	lookup := minio.BucketLookupAuto
	if end.String() != defaultEndpoint {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(end.Host, &minio.Options{Secure: end.Scheme == "https", BucketLookup: lookup,
		Region: firstOf(q.Get("region"), os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
		Creds:  credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{}})})
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	b := &bucket{client: client, name: u.Host, prefix: strings.TrimPrefix(path.Clean("/"+u.Path), "/")}
	if b.prefix != "" {
		b.prefix += "/"
	}
	return b, nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// failed names the place in an error, and turns codes into those of package fs.
func (b *bucket) failed(name string, err error) error {
	if err == nil {
		return nil
	}
	var kind error
	switch r := minio.ToErrorResponse(err); {
	case r.Code == minio.NoSuchKey:
		kind = fs.ErrNotExist
	case r.StatusCode == http.StatusPreconditionFailed:
		kind = fs.ErrExist
	default:
		return fmt.Errorf("s3://%s/%s%s: %w", b.name, b.prefix, name, err)
	}
	return fmt.Errorf("s3://%s/%s%s: %w", b.name, b.prefix, name, kind)
}

func (b *bucket) get(ctx context.Context, name string) (io.ReadCloser, error) {
	o, err := b.client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, b.failed(name, err)
	}
	if _, err := o.Stat(); err != nil { // only now is it asked for
		return nil, errors.Join(b.failed(name, err), o.Close())
	}
	return o, nil
}

func (b *bucket) put(ctx context.Context, name string, content io.ReadSeeker, size int64) error {
	_, err := b.client.PutObject(ctx, b.name, b.prefix+name, content, size, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	return b.failed(name, err)
}

func (b *bucket) putNew(ctx context.Context, name string, content []byte) error {
	o := minio.PutObjectOptions{ContentType: "application/json"}
	o.SetMatchETagExcept("*")
	_, err := b.client.PutObject(ctx, b.name, b.prefix+name, bytes.NewReader(content), int64(len(content)), o)
	return b.failed(name, err)
}

func (b *bucket) list(ctx context.Context, prefix string, fn func(name string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing
	for o := range b.client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return b.failed(prefix, o.Err)
		}
		if err := fn(strings.TrimPrefix(o.Key, b.prefix)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bucket) remove(ctx context.Context, name string) error {
	return b.failed(name, b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{}))
}
