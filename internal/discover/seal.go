package discover

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/journal"
)

// setID names a grant set: the first half of the SHA-256 of its JSON.
type setID [16]byte

// cursor is where a client's copy stands.
type cursor struct {
	epoch journal.EpochID
	// at has the position of each shard; a repository's cursor has 0 for
	// all shards but its own.
	at []int64
	// issued is when the listing or delta that it comes from began, in
	// microseconds: a cursor expires by its age alone.
	issued int64
	// full is what the caller could read at every page, may what it could
	// read at the first: the copy may hold items of these.
	full, may setID
	bind      [16]byte // of the caller and the filters; see bindOf
}

const (
	cursorVersion = 1
	cursorHead    = 1 + 8 + 16*3 + 8 // bytes before the positions
	cursorData    = "lading cursor 1"
	tokenData     = "lading page 1"
	tokenBlock    = 256 // a token's length tells nothing finer
)

// seal encrypts under a random nonce: two cursors never compare equal.
func (e *Engine) seal(plain []byte, context string) string {
	n := e.aead.NonceSize() + len(plain) + e.aead.Overhead()
	buf := make([]byte, e.aead.NonceSize(), n+base64.RawURLEncoding.EncodedLen(n))
	rand.Read(buf)
	sealed := e.aead.Seal(buf, buf, plain, []byte(context))
	return string(base64.RawURLEncoding.AppendEncode(sealed, sealed)[n:])
}

// maxSealed bounds what is decoded, in characters.
const maxSealed = 16 << 10

func (e *Engine) unseal(text, context string) ([]byte, bool) {
	if len(text) > maxSealed || strings.ContainsAny(text, "\r\n") { // base64 would skip these
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < e.aead.NonceSize() {
		return nil, false
	}
	n := e.aead.NonceSize()
	plain, err := e.aead.Open(nil, raw[:n], raw[n:], []byte(context))
	return plain, err == nil
}

// sealCursor returns the text of a cursor: of one length for a deployment.
func (e *Engine) sealCursor(c cursor) string {
	b := make([]byte, 0, cursorHead+8*len(c.at))
	b = append(b, cursorVersion)
	b = append(b, c.epoch[:]...)
	b = append(b, c.full[:]...)
	b = append(b, c.may[:]...)
	b = append(b, c.bind[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.issued))
	for _, p := range c.at {
		b = binary.BigEndian.AppendUint64(b, uint64(p))
	}
	return e.seal(b, cursorData)
}

func (e *Engine) openCursor(text string) (c cursor, ok bool) {
	b, ok := e.unseal(text, cursorData)
	shards := e.cat.DB().Shards()
	if !ok || len(b) != cursorHead+8*shards || b[0] != cursorVersion {
		return c, false
	}
	b = b[1:]
	for _, field := range [][]byte{c.epoch[:], c.full[:], c.may[:], c.bind[:]} {
		b = b[copy(field, b):]
	}
	c.issued = int64(binary.BigEndian.Uint64(b))
	b = b[8:]
	for len(b) > 0 {
		c.at = append(c.at, int64(binary.BigEndian.Uint64(b)))
		b = b[8:]
	}
	return c, true
}

// token continues a listing, a view or a delta. It carries the query, so that
// a page's address needs nothing else.
type token struct {
	Query   lading.Query    `json:"q"`
	Subject string          `json:"s,omitempty"`
	Delta   bool            `json:"d,omitempty"`
	Epoch   journal.EpochID `json:"e"`
	Full    setID           `json:"f"`
	May     setID           `json:"m"`
	// At is the position at which the listing began, or up to which the
	// delta goes.
	At vector `json:"a,omitempty"`
	// Issued is when it began; see cursor.
	Issued rowID `json:"b"`
	// From is the cursor that the delta began from.
	From *fromCursor `json:"c,omitempty"`
	Pos  place       `json:"p"`
}

type fromCursor struct {
	At        vector
	Issued    rowID
	Full, May setID
}

// place is where a page ended. Name and Key are those of the last row in key
// order; Pos and Shard of the last in the order of positions. Phase is a
// delta's.
type place struct {
	Phase int    `json:"h,omitempty"`
	Name  string `json:"n,omitempty"`
	Key   string `json:"k,omitempty"`
	// Inside tells that the repository Name has been begun.
	Inside bool  `json:"i,omitempty"`
	Shard  int   `json:"s,omitempty"`
	Pos    int64 `json:"p,omitempty"`
	Item   rowID `json:"t,omitempty"` // a manifest's id, in a listing by subject
}

// A token's length must not tell how many rows there are, nor whether a shard
// has any: what depends on that is written with a fixed length.

// vector is a position for each shard, written as eight bytes each, in base64.
type vector []int64

// MarshalText implements encoding.TextMarshaler.
func (p vector) MarshalText() ([]byte, error) {
	b := make([]byte, 0, 8*len(p))
	for _, n := range p {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *vector) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.AppendDecode(nil, text)
	if err != nil || len(b)%8 != 0 {
		return errors.New("discover: positions in a token")
	}
	for *p = nil; len(b) > 0; b = b[8:] {
		*p = append(*p, int64(binary.BigEndian.Uint64(b)))
	}
	return nil
}

// rowID is an id of a row, or a time, written in hex: of one length.
type rowID int64

// MarshalText implements encoding.TextMarshaler.
func (id rowID) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(id)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *rowID) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	*id = rowID(n)
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (id setID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *setID) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(id)) {
		return errors.New("discover: the id of a set in a token")
	}
	_, err := hex.Decode(id[:], text)
	return err
}

func (e *Engine) sealToken(t *token) (string, error) {
	b, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	for len(b)%tokenBlock != 0 {
		b = append(b, ' ')
	}
	return e.seal(b, tokenData), nil
}

func (e *Engine) openToken(text string) (*token, bool) {
	b, ok := e.unseal(text, tokenData)
	if !ok {
		return nil, false
	}
	t := &token{}
	if json.Unmarshal(b, t) != nil || (len(t.At) != 0 && len(t.At) != e.cat.DB().Shards()) {
		return nil, false
	}
	return t, true
}

// bindOf is a digest of all that a cursor belongs to: the caller, the kind,
// and what the listing is filtered by.
func bindOf(subject string, q lading.Query) (out [16]byte) {
	b, err := json.Marshal(struct {
		Subject string
		Kind    lading.Kind
		Scope   lading.Scope
	}{subject, q.Kind, normalScope(q.Scope)})
	if err != nil {
		panic(err) // a struct of strings and times
	}
	sum := sha256.Sum256(b)
	copy(out[:], sum[:])
	return out
}
