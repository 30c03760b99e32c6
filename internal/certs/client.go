package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lading-dev/lading"
)

// maxClients is how many clients' certificates are remembered, some 2 KiB each.
const maxClients = 10_000

// credentialPrefix begins the id of a credential that is a certificate; the
// rest is the beginning of its SHA-256 fingerprint, in hex.
const credentialPrefix = "cert:"

// client is a certificate that was shown, and what came of it.
type client struct {
	chain    []*x509.Certificate // as the client sent it
	identity lading.Identity     // anonymous where no rule names it
	bad      bool                // is not good any more
}

// clients are those that were seen lately, by the ids of their credentials.
type clients struct {
	mu    sync.RWMutex
	known map[string]*client
}

// Authenticate tells who sends a request over a connection with a client's
// certificate, where a rule of Subjects says whom it stands for. A request that
// says itself who sends it is left to others: the connection may be shared.
//
// Errors: UNAUTHORIZED for a certificate that does not hold any more.
func (s *Server) Authenticate(r *http.Request) (id lading.Identity, handled bool, err error) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 || len(r.Header["Authorization"]) > 0 || len(s.opt.Subjects) == 0 {
		return lading.Identity{}, false, nil
	}
	c := s.client(r.TLS.PeerCertificates)
	if c.identity.Anonymous() {
		return lading.Identity{}, false, nil
	}
	if c.bad || c.identity.Credential.Expired(s.opt.Now()) {
		return lading.Identity{}, true, lading.ErrUnauthorized.With("the client's certificate does not hold any more")
	}
	return c.identity, true, nil
}

// Current tells whether a certificate still holds, and whom it stands for.
// It is false for identities that are not from certificates.
func (s *Server) Current(id lading.Identity) (lading.Identity, bool) {
	if id.Credential == nil || !strings.HasPrefix(id.Credential.ID, credentialPrefix) {
		return lading.Identity{}, false
	}
	s.clients.mu.RLock()
	defer s.clients.mu.RUnlock()
	// One that is not remembered was good when it was, and its next request
	// is looked at anew.
	c := s.clients.known[id.Credential.ID]
	return id, c == nil || !c.bad
}

func (s *Server) client(chain []*x509.Certificate) *client {
	sum := sha256.Sum256(chain[0].Raw)
	key := credentialPrefix + hex.EncodeToString(sum[:16])
	s.clients.mu.RLock()
	c := s.clients.known[key]
	s.clients.mu.RUnlock()
	if c != nil {
		return c
	}
	leaf := chain[0]
	c = &client{chain: chain, identity: s.opt.Subjects.identity(leaf)}
	if !c.identity.Anonymous() {
		c.identity.Credential = &lading.Credential{ID: key, Expires: leaf.NotAfter}
	}
	s.clients.add(key, c, s)
	return c
}

// add remembers a certificate, judged by the files of now: a connection may be
// older than they are.
func (m *clients) add(key string, c *client, s *Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.bad = s.current.Load().trust.verify(c.chain, s.opt.Now()) != nil
	m.keep(key, c)
}

// keep adds a client, and forgets some where there are too many. By mu.
func (m *clients) keep(key string, c *client) {
	for k := range m.known { // in no order
		if len(m.known) < maxClients {
			break
		}
		delete(m.known, k)
	}
	m.known[key] = c
}

// judge looks at all again, with new files.
func (m *clients) judge(st *state, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, c := range m.known {
		judged := *c // requests have the old one in hand
		judged.bad = st.trust.verify(c.chain, now) != nil
		m.known[key] = &judged
	}
}
