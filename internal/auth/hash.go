package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// Hash is what is kept of a password: bcrypt, or argon2id in the text form of
// the password hashing competition. The zero value matches nothing.
type Hash struct {
	text string
	argo *argon
}

// argon is an argon2id hash and what it was made with (RFC 9106).
type argon struct {
	memory, time uint32 // KiB, passes
	threads      uint8
	salt, sum    []byte
}

// New hashes cost 19 MiB and two passes, the least that OWASP's "Password
// Storage Cheat Sheet" recommends: some 30 ms.
const (
	argonMemory  = 19 << 10
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonSum     = 32
)

// What a hash that comes from elsewhere may cost at most, and must at least.
const (
	maxArgonMemory  = 256 << 10
	maxArgonTime    = 10
	maxArgonThreads = 8
	maxHash         = 512 // bytes of text
)

// NewHash makes an argon2id hash of a password, with a salt of its own.
func NewHash(password string) Hash {
	a := &argon{memory: argonMemory, time: argonTime, threads: argonThreads, salt: make([]byte, argonSalt)}
	rand.Read(a.salt)
	a.sum = a.of(password, argonSum)
	b64 := base64.RawStdEncoding.EncodeToString
	return Hash{argo: a, text: fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.memory, a.time, a.threads, b64(a.salt), b64(a.sum))}
}

// ParseHash reads a hash. What it says of a mistake has nothing of the hash in
// it.
func ParseHash(text string) (Hash, error) {
	switch {
	case len(text) > maxHash:
		return Hash{}, errors.New("the hash is too long")
	case strings.HasPrefix(text, "$argon2id$"):
		a, err := parseArgon(text)
		return Hash{text, a}, err
	}
	cost, err := bcrypt.Cost([]byte(text))
	if err != nil || !strings.HasPrefix(text, "$2") {
		return Hash{}, errors.New("want a bcrypt hash, or one of argon2id")
	}
	if cost > maxCost {
		return Hash{}, fmt.Errorf("the hash costs 2^%d, which takes too long: at most 2^%d", cost, maxCost)
	}
	return Hash{text: text}, nil
}

func parseArgon(text string) (*argon, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[2] != fmt.Sprint("v=", argon2.Version) {
		return nil, fmt.Errorf("want an argon2id hash of version %d, with memory, passes, threads, salt and sum", argon2.Version)
	}
	a := &argon{}
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &a.memory, &a.time, &a.threads)
	if err != nil || n != 3 || fmt.Sprintf("m=%d,t=%d,p=%d", a.memory, a.time, a.threads) != parts[3] {
		return nil, errors.New("an argon2id hash says m=,t=,p=")
	}
	if a.memory < 8*uint32(a.threads) || a.memory > maxArgonMemory || a.time < 1 || a.time > maxArgonTime || a.threads < 1 || a.threads > maxArgonThreads {
		return nil, fmt.Errorf("an argon2id hash takes at most %d KiB, %d passes and %d threads", maxArgonMemory, maxArgonTime, maxArgonThreads)
	}
	if a.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err == nil {
		a.sum, err = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	}
	if err != nil || len(a.salt) < 8 || len(a.salt) > 64 || len(a.sum) < 16 || len(a.sum) > 64 {
		return nil, errors.New("the salt, or the sum, of an argon2id hash is not base64 of 8 and 16 to 64 bytes")
	}
	return a, nil
}

func (a *argon) of(password string, n int) []byte {
	return argon2.IDKey([]byte(password), a.salt, a.time, a.memory, a.threads, uint32(n))
}

// Text is the hash as ParseHash reads it.
func (h Hash) Text() string { return h.text }

// Zero reports whether there is no hash.
func (h Hash) Zero() bool { return h.text == "" }

// matches computes the hash of a password, which takes long.
func (h Hash) matches(password string) bool {
	switch {
	case h.argo != nil:
		return subtle.ConstantTimeCompare(h.argo.of(password, len(h.argo.sum)), h.argo.sum) == 1
	case h.text != "":
		return bcrypt.CompareHashAndPassword([]byte(h.text), []byte(password)) == nil
	}
	return false
}
