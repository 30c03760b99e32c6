package catalog

import (
	"encoding/hex"
	"fmt"

	"github.com/opencontainers/go-digest"
)

// Digests are stored as one byte for the algorithm and the raw hash. The
// codes are in the order of the algorithms' names, so that encoded digests
// sort as their text does.
var algorithms = []struct {
	code byte
	name digest.Algorithm
}{{1, digest.SHA256}, {2, digest.SHA384}, {3, digest.SHA512}}

// EncodeDigest returns the stored form of a valid digest, nil for the empty
// one. An algorithm without a code is stored as text behind a 0xff.
func EncodeDigest(d digest.Digest) []byte {
	if d == "" {
		return nil
	}
	for _, a := range algorithms {
		if n := len(a.name); len(d) > n && d[n] == ':' && string(d[:n]) == string(a.name) {
			b := make([]byte, 1+hex.DecodedLen(len(d)-n-1))
			b[0] = a.code
			if _, err := hex.Decode(b[1:], []byte(d[n+1:])); err == nil {
				return b
			}
		}
	}
	return append([]byte{0xff}, d...)
}

// DecodeDigest is the inverse of EncodeDigest.
func DecodeDigest(b []byte) (digest.Digest, error) {
	if len(b) == 0 {
		return "", nil
	}
	for _, a := range algorithms {
		if a.code == b[0] {
			n := len(a.name) + 1
			out := make([]byte, n+hex.EncodedLen(len(b)-1))
			copy(out, a.name)
			out[n-1] = ':'
			hex.Encode(out[n:], b[1:])
			return digest.Digest(out), nil
		}
	}
	if b[0] == 0xff {
		return digest.Digest(b[1:]), nil
	}
	return "", fmt.Errorf("catalog: stored digest with unknown algorithm code %d", b[0])
}
