package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/cepd/cepd/connectors"
	"github.com/cepd/cepd/internal/s3"
)

// bucket is a place in a store that speaks S3: a staged file is a multipart upload
// that is not completed.
type bucket struct {
	objects *s3.Bucket
	idle    func() // closes connections that nobody uses
	work    string // hidden/IDENTITY
	mark    string // in the names of files of this table and query
}

func openBucket(c *config) (*bucket, error) {
	o := c.s3
	t := c.access.HTTPTransport()
	t.DisableKeepAlives = false // calls are many
	o.Transport = t
	objects, err := s3.Open(c.path, o)
	return &bucket{objects: objects, idle: t.CloseIdleConnections, work: hidden + "/" + c.identity, mark: "-" + c.mine() + "-"}, err
}

// reachable says early that the store may not be asked.
func (c *config) reachable() error {
	b, err := s3.Open(c.path, c.s3)
	if err == nil {
		err = c.access.CheckAddress(b.Address())
	}
	if err != nil {
		return connectors.OptionError{Key: optPath, Message: fmt.Sprintf("option '%s': %v", optPath, err)}
	}
	return nil
}

func (b *bucket) close() error {
	b.idle()
	return nil
}

func (b *bucket) stage(ctx context.Context, f *file) (staged, error) {
	id, err := b.objects.Begin(ctx, f.Name)
	f.Upload = id
	return &upload{bucket: b, ctx: ctx, file: f}, err
}

// upload is a file in parts.
type upload struct {
	bucket *bucket
	ctx    context.Context //nolint:containedctx // io.Writer has none, and parts are sent on the way
	file   *file
	buf    []byte
}

// Write sends a part when there is enough for one.
func (u *upload) Write(p []byte) (int, error) {
	u.buf = append(u.buf, p...)
	if len(u.buf) < s3.MinPart {
		return len(p), nil
	}
	return len(p), u.send(u.ctx)
}

func (u *upload) send(ctx context.Context) error {
	tag, err := u.bucket.objects.PutPart(ctx, u.file.Name, u.file.Upload, len(u.file.Parts)+1, u.buf)
	if err == nil {
		u.file.Parts, u.buf = append(u.file.Parts, tag), u.buf[:0]
	}
	return err
}

func (u *upload) seal(ctx context.Context) error {
	if len(u.buf) == 0 && len(u.file.Parts) > 0 {
		return nil
	}
	return u.send(ctx)
}

func (u *upload) abandon(ctx context.Context) error { return u.bucket.discard(ctx, u.file) }

func (b *bucket) discard(ctx context.Context, f *file) error {
	return b.objects.Abort(ctx, f.Name, f.Upload)
}

// publish completes uploads. One that is not there any more is completed, if its
// object is there.
func (b *bucket) publish(ctx context.Context, files []file) error {
	for i := range files {
		f := &files[i]
		err := b.objects.Complete(ctx, f.Name, f.Upload, f.Parts)
		if errors.Is(err, fs.ErrNotExist) {
			there, failed := b.objects.Exists(ctx, f.Name)
			switch {
			case failed != nil:
				err = failed
			case there:
				err = nil
			default:
				err = fmt.Errorf("%w: its upload was ended by somebody else, such as a rule of the bucket", err)
			}
		}
		if err != nil {
			return fmt.Errorf("publish a committed file: %w", err)
		}
	}
	return nil
}

func (b *bucket) sweep(ctx context.Context, keep func(name string, age time.Duration) bool) error {
	list, err := b.objects.Uploads(ctx)
	if err != nil {
		return err
	}
	for _, u := range list {
		if name := path.Base(u.Name); !strings.Contains(name, b.mark) || keep(name, time.Since(u.Begun)) {
			continue
		}
		if err := gone(b.objects.Abort(ctx, u.Name, u.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bucket) putNew(ctx context.Context, name string, content []byte) error {
	return b.objects.PutNew(ctx, b.work+"/"+name, content)
}

// maxEntry bounds an entry of the log.
const maxEntry = 64 << 20

func (b *bucket) get(ctx context.Context, name string) ([]byte, error) {
	o, err := b.objects.Get(ctx, b.work+"/"+name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(o, maxEntry))
	return text, errors.Join(err, o.Close())
}

func (b *bucket) list(ctx context.Context, dir string) (names []string, err error) {
	err = b.objects.List(ctx, b.work+"/"+dir+"/", func(name string) error {
		names = append(names, path.Base(name))
		return nil
	})
	return names, err
}

func (b *bucket) remove(ctx context.Context, name string) error {
	return b.objects.Remove(ctx, b.work+"/"+name)
}
