package core

import (
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/blob"
)

var _ lading.Expecter = (*upload)(nil)

// Expect implements lading.Expecter.
func (u *upload) Expect(alg digest.Algorithm) {
	if e, ok := u.Upload.(blob.Expecter); ok && alg != "" && u.Size() == 0 {
		e.Expect(alg)
	}
}

// wanted is the algorithm of a digest, or of one that is an algorithm alone;
// empty where nothing is announced.
func wanted(d lading.Digest) digest.Algorithm {
	alg, _, _ := strings.Cut(string(d), ":")
	return digest.Algorithm(alg)
}
