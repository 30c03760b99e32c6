// Package spectest holds the registry against the distribution-spec, request
// by request, over HTTP and on both catalogs, with users who may see different
// things. It was written from the specification and says, with each exchange,
// what the text there demands; so it also covers what was added to it: entity
// tags and conditions, manifests taken from blobs, sparse manifests, search.
//
// Most of it is plain text, testdata/*.txt, an endpoint a file. What text
// cannot say, such as that of many writers one wins, stands beside it in Go.
// The package holds tests alone.
package spectest
