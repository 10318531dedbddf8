package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/minio/minio-go/v7"
)

// MinPart is the least bytes of a part that another follows.
const MinPart = 5 << 20

// Begin begins an upload in parts. Nobody sees the object before it is completed.
func (b *Bucket) Begin(ctx context.Context, name string) (id string, err error) {
	id, err = b.client.NewMultipartUpload(ctx, b.name, b.prefix+name, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	return id, b.failed(name, err)
}

// PutPart uploads part n, from 1 on, and gives its ETag.
func (b *Bucket) PutPart(ctx context.Context, name, id string, n int, content []byte) (etag string, err error) {
	sum := sha256.Sum256(content) // signed with the request, so that the store checks it
	o := minio.PutObjectPartOptions{Sha256Hex: hex.EncodeToString(sum[:]), DisableContentSha256: true}
	p, err := b.client.PutObjectPart(ctx, b.name, b.prefix+name, id, n, bytes.NewReader(content), int64(len(content)), o)
	return p.ETag, b.failed(name, err)
}

// Complete makes an object of the parts whose ETags are given.
func (b *Bucket) Complete(ctx context.Context, name, id string, etags []string) error {
	parts := make([]minio.CompletePart, len(etags))
	for i, tag := range etags {
		parts[i] = minio.CompletePart{PartNumber: i + 1, ETag: tag}
	}
	_, err := b.client.CompleteMultipartUpload(ctx, b.name, b.prefix+name, id, parts, minio.PutObjectOptions{})
	return b.failed(name, err)
}

// Abort ends an upload without an object.
func (b *Bucket) Abort(ctx context.Context, name, id string) error {
	return b.failed(name, b.client.AbortMultipartUpload(ctx, b.name, b.prefix+name, id))
}

// Upload is one that is neither completed nor aborted.
type Upload struct {
	Name  string
	ID    string
	Begun time.Time
}

// maxPages bounds a listing: of 1,000 uploads each.
const maxPages = 1000

// Uploads lists the uploads that are under way.
func (b *Bucket) Uploads(ctx context.Context) (list []Upload, err error) {
	key, id := "", ""
	for range maxPages {
		r, err := b.client.ListMultipartUploads(ctx, b.name, b.prefix, key, id, "", 1000)
		if err = b.failed("", err); errors.Is(err, fs.ErrNotExist) { // some stores say so when there is none
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		for _, u := range r.Uploads {
			list = append(list, Upload{Name: u.Key[len(b.prefix):], ID: u.UploadID, Begun: u.Initiated})
		}
		if !r.IsTruncated {
			return list, nil
		}
		key, id = r.NextKeyMarker, r.NextUploadIDMarker
	}
	return nil, fmt.Errorf("s3://%s/%s: more than %d uploads are under way", b.name, b.prefix, maxPages*1000)
}
