package httpapi

import (
	_ "crypto/sha256" // make the algorithms of go-digest available
	_ "crypto/sha512"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// Bounds of what a URL may name.
const (
	maxName   = 255      // a repository's name (distribution-spec, "Pulling manifests")
	maxTag    = 128      // a tag (same)
	maxUpload = 128      // an upload id (lading.BlobWriter)
	maxToken  = 16 << 10 // a cursor or page token
	maxMedia  = 255      // a media type (RFC 6838, 4.2: 127 each side)
	maxDigest = 255      // a digest of an algorithm that is not known here
)

// validName tells whether s is a repository name by the distribution-spec's
// grammar: runs of [a-z0-9], each two of them with one separator between:
// ".", "_", "__", any number of "-", or the "/" between two components.
func validName(s string) bool {
	if len(s) > maxName {
		return false
	}
	for {
		run := nameRun(s)
		if run == 0 {
			return false
		}
		if s = s[run:]; s == "" {
			return true
		}
		sep := nameSeparator(s)
		if sep == 0 {
			return false
		}
		s = s[sep:]
	}
}

func nameRun(s string) int {
	for i := range len(s) {
		if !isLower(s[i]) && !isDigit(s[i]) {
			return i
		}
	}
	return len(s)
}

func nameSeparator(s string) int {
	switch s[0] {
	case '.', '/':
		return 1
	case '_':
		if len(s) > 1 && s[1] == '_' {
			return 2
		}
		return 1
	case '-':
		return len(s) - len(strings.TrimLeft(s, "-"))
	}
	return 0
}

// validTag tells whether s matches [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func validTag(s string) bool {
	if s == "" || len(s) > maxTag || s[0] == '.' || s[0] == '-' {
		return false
	}
	return allBytes(s, isTagByte)
}

// validUpload tells whether s may be an upload's id.
func validUpload(s string) bool {
	return s != "" && len(s) <= maxUpload && allBytes(s, isIDByte)
}

// validToken tells whether s may be a cursor or a page token.
func validToken(s string) bool {
	return s != "" && len(s) <= maxToken && allBytes(s, isTagByte)
}

// validLast tells whether s may stand in last=: the name that a page starts
// after need not exist, nor be one that could, but nothing invisible gets
// through.
func validLast(s string) bool {
	return len(s) <= maxName && allBytes(s, func(c byte) bool { return c > ' ' && c < 0x7f })
}

// validMediaType tells whether s is type "/" subtype of RFC 6838's
// restricted names.
func validMediaType(s string) bool {
	major, minor, ok := strings.Cut(s, "/")
	return ok && len(s) <= maxMedia && validRestrictedName(major) && validRestrictedName(minor)
}

func validRestrictedName(s string) bool {
	if s == "" || !isAlnum(s[0]) {
		return false
	}
	return allBytes(s, func(c byte) bool {
		return isAlnum(c) || strings.IndexByte("!#$&-^_.+", c) >= 0
	})
}

// algorithms names, for people, those whose content can be stored.
const algorithms = "sha256, sha384 or sha512"

// encodedLength is the length of the encoded part for the algorithms whose
// content can be stored: all that go-digest can compute.
func encodedLength(algorithm string) int {
	alg := digest.Algorithm(algorithm)
	if !alg.Available() {
		return 0
	}
	return 2 * alg.Size()
}

// parseDigest returns s as the digest of content that could be here: of an
// algorithm that can be computed, with an encoded part of its length.
func parseDigest(s string) (lading.Digest, error) {
	algorithm, encoded, _ := strings.Cut(s, ":")
	n := encodedLength(algorithm)
	if n == 0 {
		return "", lading.ErrDigestInvalid.With("the digest's algorithm is not supported: use %s", algorithms)
	}
	if len(encoded) != n || !allBytes(encoded, isHexByte) {
		return "", lading.ErrDigestInvalid.With("the digest is not valid: %s wants %d lower-case hexadecimal digits", algorithm, n)
	}
	return lading.Digest(s), nil
}

// parseSubject returns s as the digest of something that need not be here: an
// algorithm that is not known will do when it is spelled correctly
// (image-spec, descriptor.md, "Digests").
func parseSubject(s string) (lading.Digest, error) {
	algorithm, encoded, _ := strings.Cut(s, ":")
	if encodedLength(algorithm) != 0 {
		return parseDigest(s)
	}
	if len(s) > maxDigest || !validAlgorithm(algorithm) || encoded == "" || !allBytes(encoded, isEncodedByte) {
		return "", lading.ErrDigestInvalid.With("the digest is not valid: want algorithm:encoded")
	}
	return lading.Digest(s), nil
}

// validAlgorithm tells whether s is runs of [a-z0-9] joined by one of "+._-".
func validAlgorithm(s string) bool {
	for {
		run := nameRun(s)
		if run == 0 {
			return false
		}
		if s = s[run:]; s == "" {
			return true
		}
		if strings.IndexByte("+._-", s[0]) < 0 {
			return false
		}
		s = s[1:]
	}
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlnum(c byte) bool { return isLower(c) || isUpper(c) || isDigit(c) }

func isTagByte(c byte) bool     { return isAlnum(c) || c == '.' || c == '_' || c == '-' }
func isIDByte(c byte) bool      { return isAlnum(c) || c == '_' || c == '-' }
func isHexByte(c byte) bool     { return isDigit(c) || 'a' <= c && c <= 'f' }
func isEncodedByte(c byte) bool { return isAlnum(c) || c == '=' || c == '_' || c == '-' }

func allBytes(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}
