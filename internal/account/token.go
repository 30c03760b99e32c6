package account

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"math/big"
	"strings"
)

// An API token is lading_pat_, 43 digits of base 62, which are 256 random bits,
// and 6 more, which are the CRC-32 (IEEE) of all before. So scanners for
// secrets find tokens in what is made public, and a token that is cut or
// mistyped is known for one without a look at the others.
const (
	tokenPrefix = "lading_pat_"
	tokenRandom = 43
	tokenSum    = 6
	tokenLength = len(tokenPrefix) + tokenRandom + tokenSum
)

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newToken makes a token.
func newToken() string {
	var secret [32]byte
	rand.Read(secret[:])
	t := tokenPrefix + base62(new(big.Int).SetBytes(secret[:]), tokenRandom)
	return t + sumOf(t)
}

// sumOf is the end of a token that begins so.
func sumOf(t string) string {
	return base62(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(t)))), tokenSum)
}

// base62 writes a number with so many digits.
func base62(n *big.Int, width int) string {
	out := make([]byte, width)
	base, digit := big.NewInt(int64(len(digits))), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		out[i] = digits[digit.Int64()]
	}
	return string(out)
}

// parseToken is the digest under which a token is kept; ok is false for what
// cannot be one.
func parseToken(t string) (d digest, ok bool) {
	if len(t) != tokenLength || !strings.HasPrefix(t, tokenPrefix) {
		return d, false
	}
	for _, c := range []byte(t[len(tokenPrefix):]) {
		if strings.IndexByte(digits, c) < 0 {
			return d, false
		}
	}
	begin := t[:tokenLength-tokenSum]
	return sha256.Sum256([]byte(t)), sumOf(begin) == t[len(begin):]
}

// digest is the SHA-256 of a token: it cannot be guessed, so that nothing
// slower is needed.
type digest [sha256.Size]byte

// newID makes a name that is never used again.
func newID() string {
	var b [10]byte
	rand.Read(b[:])
	return strings.ToLower(base62(new(big.Int).SetBytes(b[:]), 14))
}
