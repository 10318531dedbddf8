package api

import "testing"

func TestMaskText(t *testing.T) {
	const text = "'url' = 'http://x', 'http.source.lookup.header.Authorization' = 'Bearer s3cret', 'http.source.lookup.header.X-Api-Key' = 's3cret', 'password' = '${env:P}'"
	const want = "'url' = 'http://x', 'http.source.lookup.header.Authorization' = '******', 'http.source.lookup.header.X-Api-Key' = '******', 'password' = '${env:P}'"
	if got := maskText(text); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
