// Package s3 reads and writes objects of a bucket in Amazon S3, or in a store that
// speaks its protocol. It is the only importer of the client.
//
// What is not there is fs.ErrNotExist, what PutNew finds there fs.ErrExist.
package s3

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

// Bucket is the objects of a bucket whose names begin with a prefix.
type Bucket struct {
	client *minio.Core
	name   string
	prefix string // "" or ends with a slash
}

// Options say where the bucket is and who asks. Without credentials, they come
// from the environment (AWS_ACCESS_KEY_ID …), from the file that
// AWS_SHARED_CREDENTIALS_FILE names (default ~/.aws/credentials), or from the
// machine's role. They are kept nowhere.
type Options struct {
	Endpoint  string // URL; "": that of the environment, or Amazon's
	Region    string
	AccessKey string
	SecretKey string
	Transport http.RoundTripper // nil: the client's own
}

const defaultEndpoint = "https://s3.amazonaws.com"

// Open reads s3://bucket/prefix. It asks nobody.
func Open(text string, o Options) (*Bucket, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q: %w", text, err)
	case u.Scheme != "s3" || u.Host == "":
		return nil, fmt.Errorf("%q names no bucket: write s3://bucket/prefix", text)
	}
	end, err := url.Parse(firstOf(o.Endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), defaultEndpoint))
	if err != nil || end.Host == "" || end.Scheme != "http" && end.Scheme != "https" || end.User != nil {
		return nil, fmt.Errorf("%q: the endpoint must be http://host:port or https://host:port", text)
	}
	lookup := minio.BucketLookupAuto
	if end.String() != defaultEndpoint {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.NewCore(end.Host, &minio.Options{Secure: end.Scheme == "https", BucketLookup: lookup, Transport: o.Transport,
		Region: firstOf(o.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")), Creds: o.credentials()})
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	b := &Bucket{client: client, name: u.Host, prefix: strings.TrimPrefix(path.Clean("/"+u.Path), "/")}
	if b.prefix != "" {
		b.prefix += "/"
	}
	return b, nil
}

// Address is host:port of the endpoint.
func (b *Bucket) Address() string {
	u := b.client.EndpointURL()
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "http" {
		return u.Hostname() + ":80"
	}
	return u.Hostname() + ":443"
}

func (o *Options) credentials() *credentials.Credentials {
	if o.AccessKey != "" || o.SecretKey != "" {
		return credentials.NewStaticV4(o.AccessKey, o.SecretKey, "")
	}
	return credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{}})
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
func (b *Bucket) failed(name string, err error) error {
	if err == nil {
		return nil
	}
	var kind error
	switch r := minio.ToErrorResponse(err); {
	case r.Code == minio.NoSuchKey || r.Code == "NoSuchUpload":
		kind = fs.ErrNotExist
	case r.StatusCode == http.StatusPreconditionFailed:
		kind = fs.ErrExist
	default:
		return fmt.Errorf("s3://%s/%s%s: %w", b.name, b.prefix, name, err)
	}
	return fmt.Errorf("s3://%s/%s%s: %w", b.name, b.prefix, name, kind)
}

// Get opens an object.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	o, err := b.client.Client.GetObject(ctx, b.name, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, b.failed(name, err)
	}
	if _, err := o.Stat(); err != nil { // only now is it asked for
		return nil, errors.Join(b.failed(name, err), o.Close())
	}
	return o, nil
}

// Put writes an object.
func (b *Bucket) Put(ctx context.Context, name string, content io.ReadSeeker, size int64) error {
	_, err := b.client.Client.PutObject(ctx, b.name, b.prefix+name, content, size, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	return b.failed(name, err)
}

// PutNew is Put, but changes nothing that is there.
func (b *Bucket) PutNew(ctx context.Context, name string, content []byte) error {
	o := minio.PutObjectOptions{ContentType: "application/json"}
	o.SetMatchETagExcept("*")
	_, err := b.client.Client.PutObject(ctx, b.name, b.prefix+name, bytes.NewReader(content), int64(len(content)), o)
	return b.failed(name, err)
}

// Exists says whether there is an object.
func (b *Bucket) Exists(ctx context.Context, name string) (bool, error) {
	_, err := b.client.StatObject(ctx, b.name, b.prefix+name, minio.StatObjectOptions{})
	if err = b.failed(name, err); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// List calls fn with the names of the objects that begin with a prefix.
func (b *Bucket) List(ctx context.Context, prefix string, fn func(name string) error) error {
	return b.Objects(ctx, prefix, func(o Object) error { return fn(o.Name) })
}

// Remove removes an object. One that is not there is no error.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	return b.failed(name, b.client.RemoveObject(ctx, b.name, b.prefix+name, minio.RemoveObjectOptions{}))
}
