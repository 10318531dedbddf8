package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// Object is one of a bucket.
type Object struct {
	Name     string // behind the prefix
	Size     int64  // bytes
	Modified time.Time
	ETag     string
}

// Objects calls fn with the objects that begin with a prefix.
func (b *Bucket) Objects(ctx context.Context, prefix string, fn func(Object) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing
	for o := range b.client.Client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return b.failed(prefix, o.Err)
		}
		name, ok := strings.CutPrefix(o.Key, b.prefix+prefix)
		if !ok || o.Size < 0 {
			return fmt.Errorf("s3://%s/%s%s: the store lists %.200q, with %d bytes, which was not asked for", b.name, b.prefix, prefix, o.Key, o.Size)
		}
		if err := fn(Object{prefix + name, o.Size, o.LastModified, o.ETag}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// ErrChanged says that an object is another one than that which was listed.
var ErrChanged = errors.New("it has changed since it was listed")

// Range opens the bytes of an object from one up to another, if it still is the one
// that was listed.
func (b *Bucket) Range(ctx context.Context, o Object, from, to int64) (io.ReadCloser, error) {
	var options minio.GetObjectOptions
	options.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	if o.ETag != "" {
		if err := options.SetMatchETag(o.ETag); err != nil {
			return nil, b.failed(o.Name, err)
		}
	}
	body, now, header, err := b.client.GetObject(ctx, b.name, b.prefix+o.Name, options)
	if err != nil {
		if s := minio.ToErrorResponse(err).StatusCode; s == http.StatusPreconditionFailed || s == http.StatusRequestedRangeNotSatisfiable {
			err = ErrChanged
		}
		return nil, b.failed(o.Name, err)
	}
	if err = o.answered(now.ETag, header.Get("Content-Range"), now.Size, from, to); err != nil {
		return nil, errors.Join(b.failed(o.Name, err), body.Close())
	}
	return body, nil
}

// answered checks that an answer is the part that was asked for.
func (o *Object) answered(etag, part string, size, from, to int64) error {
	want := fmt.Sprintf("bytes %d-%d/%d", from, to-1, o.Size)
	switch {
	case etag != o.ETag && o.ETag != "":
		return ErrChanged
	case part == want || part == "" && from == 0 && to == size && size == o.Size:
		return nil
	case part != "" && !strings.HasSuffix(part, fmt.Sprintf("/%d", o.Size)):
		return ErrChanged
	}
	return fmt.Errorf("the store was asked for %q and gives %.100q", want, part)
}

// Passing says whether an error may be none a little later: the network, or a store
// that is down or asked too much.
func Passing(err error) bool {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrChanged) || errors.Is(err, context.Canceled) {
		return false
	}
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		var answer interface{ Timeout() bool } // net.Error
		return errors.As(err, &answer) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	}
	switch r.Code {
	case "SlowDown", "InternalError", "RequestTimeout", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeTooSkewed", "ExpiredToken":
		return true
	}
	return r.StatusCode >= 500 || r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusRequestTimeout
}
