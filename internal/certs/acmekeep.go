package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

// keep has a certificate for a host that is in date: one that another server
// has put into the store, or else a new one.
func (m *manager) keep(ctx context.Context, s *Server, h *host) {
	if !h.due(s.opt.Now()) {
		return
	}
	mine, err := m.begin(ctx, s, h)
	if mine {
		err = m.renew(ctx, h)
	}
	var wait time.Duration
	if err != nil && ctx.Err() == nil {
		wait = h.failed(err, s.opt.Now())
		s.failed("no certificate could be had for "+h.name, err)
	}
	if mine {
		m.end(ctx, wait)
	}
}

// due tells whether a certificate has to be had: there is none, or it is to be
// renewed.
func (h *host) due(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cert == nil || !now.Before(renewAt(h.cert))
}

// renewAt is when a certificate is renewed.
func renewAt(c *tls.Certificate) time.Time {
	life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
	return c.Leaf.NotAfter.Add(-min(life/3, renewal))
}

// begin reads what is in the store, and tells whether it is for this server to
// ask for a certificate now.
func (m *manager) begin(ctx context.Context, s *Server, h *host) (mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	now := s.opt.Now()
	if h.soon(now) {
		return false, nil
	}
	if err := m.load(ctx, h, now); err != nil || !h.due(now) {
		return false, err
	}
	if mine, err = m.store.Turn(ctx, turn); !mine || err != nil {
		return false, err
	}
	// Another may have had one made before the turn was this server's.
	if err := m.load(ctx, h, now); err != nil || !h.due(now) {
		return false, errors.Join(err, m.store.EndTurn(ctx))
	}
	return true, nil
}

// soon tells whether it is too soon after a failure.
func (h *host) soon(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return now.Before(h.next)
}

// load takes the certificate up that is in the store, if it is good for longer
// than the one in use. What cannot be used is as nothing.
func (m *manager) load(ctx context.Context, h *host, now time.Time) error {
	text, err := m.store.Get(ctx, h.name)
	if err != nil || text == nil {
		return err
	}
	cert, err := decode(text)
	if err != nil || cert.Leaf.VerifyHostname(h.name) != nil || !now.Before(cert.Leaf.NotAfter) {
		return nil
	}
	if old, _ := h.current(); old == nil || cert.Leaf.NotAfter.After(old.Leaf.NotAfter) {
		h.use(cert)
	}
	return nil
}

// use has new connections shown a certificate.
func (h *host) use(cert *tls.Certificate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cert == nil {
		close(h.ready)
	}
	h.cert, h.err, h.wait, h.next = cert, nil, 0, time.Time{}
}

// failed notes a failure, and returns how long to wait for the next try.
func (h *host) failed(err error, now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err, h.wait = err, min(max(2*h.wait, firstRetry), lastRetry)
	h.next = now.Add(h.wait)
	return h.wait
}

// end gives the turn back; after a failure only later, so that the others do
// not fail as often again.
func (m *manager) end(ctx context.Context, wait time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if wait == 0 {
		_ = m.store.EndTurn(ctx) // it ends by itself
		return
	}
	_, _ = m.store.Turn(ctx, min(wait, maxTurn)) // likewise
}
