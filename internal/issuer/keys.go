package issuer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/lading-dev/lading/internal/config"
)

// errNoKeys tells that none were fetched yet.
var errNoKeys = errors.New("there are no keys")

// keys are those of one issuer. It implements oidc.KeySet.
type keys struct {
	fetch *fetcher
	opt   Options
	log   *slog.Logger
	kick  chan struct{} // has them fetched

	mu    sync.Mutex
	set   *jose.JSONWebKeySet // nil before the first fetch
	asked time.Time           // the last fetch, whatever came of it
	done  chan struct{}       // closed and replaced by each fetch
}

func newKeys(c config.Issuer, opt Options) (*keys, error) {
	f, err := newFetcher(c)
	if err != nil {
		return nil, err
	}
	return &keys{fetch: f, opt: opt, log: opt.Logger.With("issuer", c.Name), kick: make(chan struct{}, 1), done: make(chan struct{})}, nil
}

// run fetches keys when it is time, and when one is not known.
func (k *keys) run(ctx context.Context) {
	const soon, late = 5 * time.Second, 5 * time.Minute
	for again := soon; ; {
		err := k.refresh(ctx)
		wait := k.opt.Refresh + rand.N(k.opt.Refresh/10+1)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			k.log.Warn("the keys of an issuer of tokens could not be fetched: those of before are used, and it is tried again", "error", err)
			wait, again = again+rand.N(again), min(2*again, late)
		default:
			again = soon
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-k.kick:
		}
		timer.Stop()
	}
}

// refresh fetches the keys once.
func (k *keys) refresh(ctx context.Context) error {
	set, err := k.fetch.keys(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asked = k.opt.Now(); err == nil {
		k.set = set
	}
	close(k.done)
	k.done = make(chan struct{})
	return err
}

// current are the keys of now; each fetch makes others, which may be the same.
// Nil is that none were fetched yet.
func (k *keys) current() *jose.JSONWebKeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set
}

// VerifySignature implements oidc.KeySet.
func (k *keys) VerifySignature(ctx context.Context, text string) ([]byte, error) {
	t, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	h := t.Signatures[0].Header
	candidates := k.named(h.KeyID)
	if len(candidates) == 0 && k.wait(ctx) {
		candidates = k.named(h.KeyID)
	}
	for _, key := range candidates {
		if key.Algorithm != "" && key.Algorithm != h.Algorithm || key.Use != "" && key.Use != "sig" {
			continue
		}
		if payload, err := t.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("token: no key of the issuer has signed it")
}

// named are the keys of that id; without one, all.
func (k *keys) named(id string) []jose.JSONWebKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.set == nil:
		return nil
	case id == "":
		return k.set.Keys
	}
	return k.set.Key(id)
}

// wait has the keys fetched again, if that was not done just now, and waits a
// little.
func (k *keys) wait(ctx context.Context) bool {
	k.mu.Lock()
	done, recent := k.done, !k.asked.IsZero() && k.opt.Now().Before(k.asked.Add(k.opt.Again))
	k.mu.Unlock()
	if recent {
		return false
	}
	select {
	case k.kick <- struct{}{}:
	default:
	}
	timer := time.NewTimer(k.opt.Patience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// public leaves of a set what may be used: public keys.
func public(set *jose.JSONWebKeySet) *jose.JSONWebKeySet {
	out := &jose.JSONWebKeySet{}
	for _, key := range set.Keys {
		if key.Valid() && key.IsPublic() && !strings.HasPrefix(key.Algorithm, "HS") {
			out.Keys = append(out.Keys, key)
		}
	}
	return out
}
