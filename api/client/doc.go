// Package client speaks to a cepd server. There is a method for each operation
// of the server's description (/v1/openapi.json); requests and answers have the
// types of packages api and engine.
//
//	c, err := client.New("https://cepd.example", client.Options{Token: token})
//	out, err := c.Submit(ctx, &api.Submission{SQL: text})
//	for e, err := range c.StreamDetections(ctx, out.Queries[0], client.StreamOptions{}) {
//		…
//	}
//
// An answer that refuses is an *Error, with the server's findings about the text.
// Reads, and changes that carry an idempotency key, are tried again when the
// network fails or the server is not there for a moment; nothing else is.
package client
