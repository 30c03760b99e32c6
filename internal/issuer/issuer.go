// Package issuer knows callers by the tokens of OpenID Connect issuers that an
// operator has named, such as those of GitHub Actions, GitLab and Kubernetes
// (OpenID Connect Core 1.0, 2). Rules say of each issuer who its callers are; a
// token that no rule fits is nobody's.
//
// Keys are fetched beforehand and kept, so that an issuer that does not answer
// holds up nobody. What an issuer says of itself leads to no address of this
// network that the operator has not named.
package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/config"
)

// Options tune Issuers. The zero value works.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger is told of issuers that do not answer; nil is nobody.
	Logger *slog.Logger
	// Refresh is how often keys are fetched; 0 means 15 min.
	Refresh time.Duration
	// Again is how long after a fetch a key that is not known has them fetched
	// again; 0 means 10 s.
	Again time.Duration
	// Patience is how long a caller waits for that; 0 means 2 s.
	Patience time.Duration
}

func (o *Options) setDefaults() {
	for d, def := range map[*time.Duration]time.Duration{&o.Refresh: 15 * time.Minute, &o.Again: 10 * time.Second, &o.Patience: 2 * time.Second} {
		if *d == 0 {
			*d = def
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Issuers are those of a configuration. Its methods may be called from any
// number of goroutines. It implements auth.Authenticator.
type Issuers struct {
	opt   Options
	byURL map[string]*issuer
	names map[string]bool

	mu   sync.RWMutex
	seen map[[sha256.Size]byte]remembered // tokens that were right
}

// remembered is whom a token names, and the keys by which it was right: by
// others it is looked at again, as the one that signed it may be gone.
type remembered struct {
	id   lading.Identity
	keys *jose.JSONWebKeySet
}

type issuer struct {
	config.Issuer
	keys     *keys
	verifier *oidc.IDTokenVerifier
}

// credential begins the ids of credentials.
const credential = "oidc:"

// maxToken is the size of the largest token that is looked at, in bytes.
const maxToken = 16 << 10

// maxSeen is how many tokens are remembered.
const maxSeen = 1 << 12

// leeway is how far an issuer's clock may be ahead.
const leeway = time.Minute

// algorithms are those of public keys. One of a shared secret among them would
// have the public key taken for that (RFC 8725, 2.1).
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

// New makes Issuers, which know nobody before Run has fetched keys.
//
// Errors: certificates of authorities that cannot be read.
func New(from []config.Issuer, opt Options) (*Issuers, error) {
	opt.setDefaults()
	s := &Issuers{opt: opt, byURL: map[string]*issuer{}, names: map[string]bool{}, seen: map[[sha256.Size]byte]remembered{}}
	var names []string
	for _, a := range algorithms {
		names = append(names, string(a))
	}
	for _, c := range from {
		k, err := newKeys(c, opt)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", c.Name, err)
		}
		s.names[c.Name] = true
		s.byURL[c.URL] = &issuer{c, k, oidc.NewVerifier(c.URL, k, &oidc.Config{ClientID: c.Audience, SupportedSigningAlgs: names, Now: opt.Now})}
	}
	return s, nil
}

// Run fetches keys, until ctx ends.
func (s *Issuers) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, is := range s.byURL {
		all.Go(func() { is.keys.run(ctx) })
	}
	all.Wait()
}

// Authenticate implements auth.Authenticator: it takes tokens of its issuers as
// passwords, of any user, and as bearer tokens of those that are accepted so.
//
// Errors: UNAUTHORIZED; UNAVAILABLE while there are no keys.
func (s *Issuers) Authenticate(r *http.Request) (id lading.Identity, handled bool, err error) {
	text, bearer := auth.BearerToken(r)
	if !bearer {
		_, text, _ = r.BasicAuth()
	}
	if !auth.LooksLikeJWT(text) || len(text) > maxToken {
		return id, false, nil
	}
	is := s.byURL[unverifiedIssuer(text)]
	if is == nil || bearer && is.Accept != config.AcceptBearer {
		return id, false, nil
	}
	id, err = s.identify(r.Context(), is, text)
	return id, true, err
}

// Current implements auth.Authenticator.
func (s *Issuers) Current(id lading.Identity) (lading.Identity, bool) {
	if id.Credential == nil {
		return lading.Identity{}, false
	}
	rest, ok := strings.CutPrefix(id.Credential.ID, credential)
	name, _, _ := strings.Cut(rest, ":")
	return id, ok && s.names[name] && strings.HasPrefix(id.Subject, "service:"+name+"/")
}

// unverifiedIssuer is whom a token says it is of, to know whose keys to try.
func unverifiedIssuer(text string) string {
	_, rest, _ := strings.Cut(text, ".")
	part, _, _ := strings.Cut(rest, ".")
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return ""
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(b, &c) != nil {
		return ""
	}
	return c.Issuer
}

func (s *Issuers) identify(ctx context.Context, is *issuer, text string) (lading.Identity, error) {
	key := sha256.Sum256([]byte(text))
	keys := is.keys.current()
	s.mu.RLock()
	known, ok := s.seen[key]
	s.mu.RUnlock()
	if ok && known.keys == keys && !known.id.Credential.Expired(s.opt.Now()) {
		return known.id, nil
	}
	id, err := s.verify(ctx, is, text)
	switch {
	case errors.Is(err, errNoKeys):
		return lading.Identity{}, lading.ErrUnavailable.With("the keys of the token's issuer could not be fetched yet").Wrap(err)
	case err != nil:
		return lading.Identity{}, lading.ErrUnauthorized.With("the token of the issuer %s is not valid here, or has expired", is.Name).Wrap(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) >= maxSeen {
		clear(s.seen)
	}
	s.seen[key] = remembered{id, keys}
	return id, nil
}

// verify tells who has a token, by the issuer's rules.
func (s *Issuers) verify(ctx context.Context, is *issuer, text string) (lading.Identity, error) {
	t, err := is.verifier.Verify(ctx, text)
	if err != nil {
		if is.keys.current() == nil {
			err = fmt.Errorf("%w: %w", errNoKeys, err)
		}
		return lading.Identity{}, err
	}
	var raw json.RawMessage
	if err := t.Claims(&raw); err != nil {
		return lading.Identity{}, err
	}
	if err := unambiguous(raw); err != nil {
		return lading.Identity{}, err
	}
	claims := map[string]any{}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return lading.Identity{}, err
	}
	now := s.opt.Now()
	if t.IssuedAt.IsZero() || t.IssuedAt.After(now.Add(leeway)) || !now.Before(t.Expiry) {
		return lading.Identity{}, errors.New("it does not say when it was issued, or is not good now")
	}
	id, err := is.who(claims)
	if err != nil {
		return id, err
	}
	id.Credential = &lading.Credential{ID: credential + is.Name + ":" + idOf(claims, text), Expires: t.Expiry}
	return id, nil
}

// idOf names a token in records: by its own id, if that is fit to be shown.
func idOf(claims map[string]any, text string) string {
	if id, ok := claims["jti"].(string); ok && id != "" && len(id) <= 64 && lading.CheckSubject("user:"+id) == nil {
		return id
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
