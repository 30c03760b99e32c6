package certs

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/acme"
)

// The names in a store. Those of certificates are the hosts' own.
const accountKey = "acme_account+key"

// answerOf is the name of the certificate that answers a challenge.
func answerOf(host string) string { return host + "+token" }

// renew has a certificate made for a host (RFC 8555, section 7), keeps it and
// has it used. The one before is shown meanwhile.
func (m *manager) renew(ctx context.Context, h *host) error {
	ctx, cancel := context.WithTimeout(ctx, giveUp)
	defer cancel()
	if err := m.account(ctx); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	order, err := m.client.AuthorizeOrder(ctx, acme.DomainIDs(h.name))
	if err != nil {
		return fmt.Errorf("order: %w", err)
	}
	for _, url := range order.AuthzURLs {
		if err := m.prove(ctx, h, url); err != nil {
			return fmt.Errorf("challenge: %w", err)
		}
	}
	if order, err = m.client.WaitOrder(ctx, order.URI); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	text, err := m.finish(ctx, h, order)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	cert, err := decode(text)
	if err == nil {
		err = cert.Leaf.VerifyHostname(h.name)
	}
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	h.use(cert) // also where it cannot be kept
	return m.store.Put(ctx, h.name, text)
}

// account has the client use the account of the store, or makes one.
func (m *manager) account(ctx context.Context) error {
	if m.known {
		return nil
	}
	text, err := m.store.Get(ctx, accountKey)
	if err != nil {
		return err
	}
	if text == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		if text, err = encode(key); err != nil {
			return err
		}
		if err := m.store.Put(ctx, accountKey, text); err != nil {
			return err
		}
	}
	if m.client.Key, _, err = parseKey(text); err != nil {
		return err
	}
	who := &acme.Account{}
	if m.email != "" {
		who.Contact = []string{"mailto:" + m.email}
	}
	if _, err = m.client.Register(ctx, who, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return err
	}
	m.known = true
	return nil
}

// prove shows that the host is ours, by the challenge tls-alpn-01. Whichever
// server the CA reaches finds the answer in the store.
func (m *manager) prove(ctx context.Context, h *host, url string) error {
	z, err := m.client.GetAuthorization(ctx, url)
	if err != nil || z.Status == acme.StatusValid {
		return err
	}
	for _, c := range z.Challenges {
		if c.Type != "tls-alpn-01" {
			continue
		}
		answer, err := m.client.TLSALPN01ChallengeCert(c.Token, h.name)
		if err != nil {
			return err
		}
		text, err := encode(answer.PrivateKey, answer.Certificate...)
		if err != nil {
			return err
		}
		if err := m.store.Put(ctx, answerOf(h.name), text); err != nil {
			return err
		}
		// One that stays answers nothing any more.
		defer m.store.Delete(context.WithoutCancel(ctx), answerOf(h.name))
		if _, err := m.client.Accept(ctx, c); err != nil {
			return err
		}
		_, err = m.client.WaitAuthorization(ctx, z.URI)
		return err
	}
	return errors.New("the CA does not offer the challenge tls-alpn-01")
}

// finish has the certificate of an order signed, for a new key.
func (m *manager) finish(ctx context.Context, h *host, order *acme.Order) (text []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{h.name}}, key)
	if err != nil {
		return nil, err
	}
	chain, _, err := m.client.CreateCertFromOrder(ctx, order, csr, true)
	if err != nil {
		return nil, err
	}
	return encode(key, chain...)
}

// encode writes a key and certificates as PEM.
func encode(key crypto.PrivateKey, chain ...[]byte) ([]byte, error) {
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a key of type %T", key)
	}
	der, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	pem.Encode(&text, &pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	for _, der := range chain {
		pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return text.Bytes(), nil
}

// parseKey reads the key of what encode wrote.
func parseKey(text []byte) (key *ecdsa.PrivateKey, rest []byte, err error) {
	b, rest := pem.Decode(text)
	if b == nil || b.Type != "EC PRIVATE KEY" {
		return nil, nil, errors.New("there is no key in it")
	}
	key, err = x509.ParseECPrivateKey(b.Bytes)
	return key, rest, err
}

// decode reads what encode wrote of a certificate.
func decode(text []byte) (*tls.Certificate, error) {
	_, chain, err := parseKey(text)
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(chain, text)
	return &cert, err
}
