package token

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/lading-dev/lading/internal/sqldb"
)

// key signs tokens, or has done so.
type key struct {
	id       string
	made     time.Time
	replaced time.Time // zero for the one in use
	secret   ed25519.PrivateKey
}

// ring is the keys of one moment, and the tokens that were seen to be right
// with them.
type ring struct {
	keys   map[string]key
	signer key
	seen   seen
}

// same reports whether the keys are.
func (r *ring) same(keys map[string]key) bool {
	return maps.EqualFunc(r.keys, keys, func(a, b key) bool { return a.replaced.Equal(b.replaced) })
}

// due reports whether another key has to be made.
func (s *Service) due(keys map[string]key, now time.Time) bool {
	signer, ok := newest(keys)
	return !ok || !now.Before(signer.made.Add(s.opt.Rotate))
}

// over reports whether the last token that a key has signed has expired.
func (s *Service) over(k key, now time.Time) bool {
	return !k.replaced.IsZero() && now.After(k.replaced.Add(maxLifetime+2*leeway))
}

// maxLifetime is the longest that an access token is good, whatever the
// configuration was when it was made.
const maxLifetime = time.Hour

// newest is the key in use: made last of those that are not replaced.
func newest(keys map[string]key) (out key, ok bool) {
	for _, k := range keys {
		if k.replaced.IsZero() && (!ok || k.made.After(out.made) || k.made.Equal(out.made) && k.id > out.id) {
			out, ok = k, true
		}
	}
	return out, ok
}

// Refresh reads the keys again, and makes one where that is due.
func (s *Service) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = s.opt.Now()
	keys, err := readKeys(ctx, s.db.Read())
	if err != nil {
		return err
	}
	if s.due(keys, s.opt.Now()) {
		if err := s.rotate(ctx); err != nil {
			return err
		}
		if keys, err = readKeys(ctx, s.db.Read()); err != nil {
			return err
		}
	}
	if old := s.ring.Load(); !old.same(keys) {
		signer, _ := newest(keys)
		s.ring.Store(&ring{keys: keys, signer: signer, seen: seen{seed: maphash.MakeSeed()}})
	}
	return nil
}

// unknown reads the keys again for a token with a key that is not known, but
// not for each: anybody can write such tokens.
func (s *Service) unknown(ctx context.Context) {
	s.mu.Lock()
	soon := s.opt.Now().Before(s.read.Add(s.opt.Poll))
	s.mu.Unlock()
	if soon {
		return
	}
	if err := s.Refresh(context.WithoutCancel(ctx)); err != nil {
		s.opt.Logger.Error("the keys of tokens could not be read again", "error", err)
	}
}

// rotate makes a key, unless another replica has just done so.
func (s *Service) rotate(ctx context.Context) error {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed)
	made := key{id: keyID(seed), secret: ed25519.NewKeyFromSeed(seed)}
	fresh := false
	err := s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		keys, err := readKeys(tx.Context(), tx)
		if fresh = err == nil && s.due(keys, s.opt.Now()); !fresh {
			return err
		}
		now := s.opt.Now()
		for _, id := range slices.Sorted(maps.Keys(keys)) {
			if s.over(keys[id], now) {
				tx.Exec(`DELETE FROM token_key WHERE id=?`, id)
			}
		}
		tx.Exec(`UPDATE token_key SET replaced=? WHERE replaced=0`, now.UnixMicro())
		tx.Exec(`INSERT INTO token_key(id,made,replaced,secret) VALUES(?,?,0,?)`, made.id, now.UnixMicro(), seed)
		return nil
	})
	if err != nil {
		return fmt.Errorf("token: make a key: %w", err)
	}
	if fresh {
		s.opt.Logger.Info("a new key signs tokens", "key", made.id)
	}
	return nil
}

// keyID names a key by its public part.
func keyID(seed []byte) string {
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	return hex.EncodeToString(public[:8])
}

func readKeys(ctx context.Context, q sqldb.Querier) (map[string]key, error) {
	rows, err := q.Query(ctx, `SELECT id,made,replaced,secret FROM token_key`)
	if err != nil {
		return nil, fmt.Errorf("token: keys: %w", err)
	}
	defer rows.Close()
	keys := map[string]key{}
	for rows.Next() {
		var k key
		var made, replaced int64
		var seed []byte
		if err := rows.Scan(&k.id, &made, &replaced, &seed); err != nil {
			return nil, fmt.Errorf("token: keys: %w", err)
		}
		if len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("token: key %s is damaged: remove its row from token_key", k.id)
		}
		k.made, k.secret = time.UnixMicro(made), ed25519.NewKeyFromSeed(bytes.Clone(seed))
		if replaced != 0 {
			k.replaced = time.UnixMicro(replaced)
		}
		keys[k.id] = k
	}
	return keys, rows.Err()
}

// Keys are the public keys as a JWK set (RFC 7517).
func (s *Service) Keys() ([]byte, error) {
	var set jose.JSONWebKeySet
	keys := s.ring.Load().keys
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: keys[id].secret.Public(), KeyID: id, Algorithm: string(jose.EdDSA), Use: "sig"})
	}
	return json.Marshal(set)
}

// seen remembers tokens that were right, by a hash with a key that only this
// process has.
type seen struct {
	seed maphash.Seed
	mu   sync.RWMutex
	by   map[uint64]remembered
	// bytes that the texts have at most: one that two have put counts twice.
	bytes int
}
