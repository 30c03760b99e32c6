// Package certstest makes certification authorities and certificates for tests,
// good ones and others.
package certstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA issues certificates.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	last int64 // serial number given last
	// Now is the clock, by which certificates are good for an hour; nil means
	// time.Now.
	Now func() time.Time
}

// Cert is a certificate with its key.
type Cert struct {
	Leaf *x509.Certificate
	// Chain is the certificate and those up to the CA, without it; Key is the
	// key. Both are PEM.
	Chain, Key []byte
}

// New makes a CA that nobody else has.
func New(t testing.TB, name string) *CA {
	t.Helper()
	key := newKey(t)
	c := sign(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour)}, nil, key, key)
	return &CA{cert: c, key: key, last: 1}
}

// PEM is the CA's own certificate.
func (ca *CA) PEM() []byte { return encode("CERTIFICATE", ca.cert.Raw) }

// Pool trusts the CA alone.
func (ca *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.cert)
	return p
}

// Sub makes a CA that this one vouches for.
func (ca *CA) Sub(t testing.TB, name string) *CA {
	t.Helper()
	key := newKey(t)
	c := sign(t, ca.template(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}), ca.cert, key, ca.key)
	return &CA{cert: c, key: key, Now: ca.Now}
}

// Server issues a certificate for names and addresses.
func (ca *CA) Server(t testing.TB, hosts ...string) Cert {
	t.Helper()
	c := &x509.Certificate{Subject: pkix.Name{CommonName: hosts[0]}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	return ca.issue(t, c)
}

// Client issues a client's certificate with a common name and any URIs.
func (ca *CA) Client(t testing.TB, cn string, uris ...string) Cert {
	t.Helper()
	c := &x509.Certificate{Subject: pkix.Name{CommonName: cn}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, u := range uris {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		c.URIs = append(c.URIs, parsed)
	}
	return ca.issue(t, c)
}

// Revoked is the CA's list of the certificates that it has revoked, PEM.
func (ca *CA) Revoked(t testing.TB, certs ...Cert) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(ca.last + 1), ThisUpdate: ca.now().Add(-time.Minute), NextUpdate: ca.now().Add(time.Hour)}
	for _, c := range certs {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: ca.now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, ca.cert, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return encode("X509 CRL", der)
}

// Write writes the certificate and the key into a directory, in one step each,
// and returns where.
func (c Cert) Write(t testing.TB, dir, name string) (certificate, key string) {
	t.Helper()
	certificate, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	Write(t, key, c.Key)
	Write(t, certificate, c.Chain)
	return certificate, key
}

// Write puts a file in place in one step.
func Write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TLS is the certificate as crypto/tls has it.
func (c Cert) TLS(t testing.TB) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(c.Chain, c.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (ca *CA) issue(t testing.TB, c *x509.Certificate) Cert {
	t.Helper()
	key := newKey(t)
	leaf := sign(t, ca.template(c), ca.cert, key, ca.key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := encode("CERTIFICATE", leaf.Raw)
	if ca.cert.Issuer.CommonName != ca.cert.Subject.CommonName {
		chain = append(chain, ca.PEM()...)
	}
	return Cert{Leaf: leaf, Chain: chain, Key: encode("PRIVATE KEY", der)}
}

// template adds what every certificate of the CA has.
func (ca *CA) template(c *x509.Certificate) *x509.Certificate {
	ca.last++
	c.SerialNumber = big.NewInt(ca.last)
	c.NotBefore, c.NotAfter = ca.now().Add(-time.Minute), ca.now().Add(time.Hour)
	return c
}

func (ca *CA) now() time.Time {
	if ca.Now != nil {
		return ca.Now()
	}
	return time.Now()
}

// sign makes a certificate; without a parent it signs itself.
func sign(t testing.TB, c, parent *x509.Certificate, key, with *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, with)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
