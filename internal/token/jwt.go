package token

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/lading-dev/lading"
)

// kind is the media type of access tokens (RFC 9068, 2.1): a JWT that was made
// for something else is none (RFC 8725, 3.11).
const kind = "at+jwt"

// MaxSize is the size of the largest token that is looked at, in bytes.
const MaxSize = 8 << 10

// Claims are what an access token says.
type Claims struct {
	Issuer   string           `json:"iss"`
	Audience string           `json:"aud"`
	Subject  string           `json:"sub,omitempty"`
	ID       string           `json:"jti"`
	Issued   *jwt.NumericDate `json:"iat"`
	Begins   *jwt.NumericDate `json:"nbf"`
	Expires  *jwt.NumericDate `json:"exp"`
	// Access is what the token was made for, as the token specification of the
	// distribution project has it ("Token Authentication Implementation").
	Access []Scope `json:"access"`
	// Groups are the caller's, at the time.
	Groups []string `json:"groups,omitempty"`
	// Credential is the id of what the caller has shown for it; of nobody
	// nothing.
	Credential string `json:"cred,omitempty"`
	// Session is the id of the session that the token was made in; empty is none.
	Session string `json:"sid,omitempty"`
	// Until is when that ends; nil is never.
	Until *jwt.NumericDate `json:"cred_exp,omitempty"`
	// Bound is what that was limited to.
	Bound *lading.Bound `json:"bound,omitempty"`
}

func (s *Service) sign(c Claims) (string, error) {
	k := s.ring.Load().signer
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: k.secret, KeyID: k.id}},
		(&jose.SignerOptions{}).WithType(kind))
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	text, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return text, nil
}

// verify returns what a token says, if the registry has made it and it is good
// now. Its errors are not for clients.
func (s *Service) verify(ctx context.Context, text string) (Claims, error) {
	var c Claims
	if len(text) > MaxSize || strings.ContainsFunc(text, notInToken) {
		return c, errors.New("token: too large, or not one")
	}
	t, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return c, fmt.Errorf("token: %w", err)
	}
	if len(t.Headers) != 1 || t.Headers[0].ExtraHeaders[jose.HeaderType] != kind {
		return c, errors.New("token: it is of another kind")
	}
	public, err := s.public(ctx, t.Headers[0].KeyID)
	if err != nil {
		return c, err
	}
	if err := t.Claims(public, &c); err != nil {
		return c, fmt.Errorf("token: %w", err)
	}
	return c, s.checkClaims(c, s.opt.Now())
}

// notInToken tells what no token has: a reader that skips it would take two
// texts for one token.
func notInToken(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
}

// public is the public part of a key that may have signed.
func (s *Service) public(ctx context.Context, id string) (ed25519.PublicKey, error) {
	k, ok := s.ring.Load().keys[id]
	if !ok {
		s.unknown(ctx)
		k, ok = s.ring.Load().keys[id]
	}
	if !ok || s.over(k, s.opt.Now()) {
		return nil, errors.New("token: the key is not known")
	}
	return k.secret.Public().(ed25519.PublicKey), nil
}

func (s *Service) checkClaims(c Claims, now time.Time) error {
	switch {
	case c.Issuer != s.name || c.Audience != s.name:
		return errors.New("token: it is for somebody else")
	case c.ID == "" || c.Issued == nil || c.Begins == nil || c.Expires == nil:
		return errors.New("token: a claim is missing")
	case now.Add(leeway).Before(c.Begins.Time()) || now.Add(leeway).Before(c.Issued.Time()):
		return errors.New("token: it is not good yet")
	case !now.Before(c.Expires.Time()):
		return errors.New("token: it has expired")
	case c.Expires.Time().Sub(c.Issued.Time()) > maxLifetime:
		return errors.New("token: it is good for too long")
	}
	return nil
}

// newID is a random text that names a token.
func newID() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
