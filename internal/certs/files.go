package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// maxFile bounds what is read of a file; lists of revoked certificates can be
// long.
const maxFile = 64 << 20

// contents are the files as they were read. They are compared as a whole:
// times of modification do not tell two writes of one moment apart.
type contents struct{ certificate, key, clientCA, clientCRL []byte }

func (c contents) equal(d contents) bool {
	return bytes.Equal(c.certificate, d.certificate) && bytes.Equal(c.key, d.key) && c.clients() == d.clients()
}

// clients is the part that clients' certificates are held against.
func (c contents) clients() string { return string(c.clientCA) + "\x00" + string(c.clientCRL) }

func readAll(opt Options) (c contents, err error) {
	for _, f := range []struct {
		path string
		to   *[]byte
	}{{opt.Certificate, &c.certificate}, {opt.Key, &c.key}, {opt.ClientCA, &c.clientCA}, {opt.ClientCRL, &c.clientCRL}} {
		if f.path == "" {
			continue
		}
		if *f.to, err = readFile(f.path); err != nil {
			return c, err
		}
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // says what and why
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("is larger than 64 MiB")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, nil
}

// trust is what clients' certificates are held against.
type trust struct {
	roots   *x509.CertPool
	revoked map[serial]struct{}
}

// serial names a certificate as lists of revoked ones do: by who issued it, and
// its number there.
type serial struct{ issuer, number string }

func parseTrust(opt Options, text contents) (t trust, until time.Time, err error) {
	cas, err := parseCAs(text.clientCA)
	if err != nil {
		return t, until, fmt.Errorf("%s: %w", opt.ClientCA, err)
	}
	t = trust{roots: x509.NewCertPool(), revoked: map[serial]struct{}{}}
	for _, ca := range cas {
		t.roots.AddCert(ca)
	}
	for _, der := range blocks(text.clientCRL, "X509 CRL") {
		next, err := t.add(der, cas)
		if err != nil {
			return t, until, fmt.Errorf("%s: %w", opt.ClientCRL, err)
		}
		until = earliest(until, next)
	}
	return t, until, nil
}

// add takes up a list of revoked certificates, which must be signed by one of
// the CAs, and returns when it is out of date.
func (t trust) add(der []byte, cas []*x509.Certificate) (until time.Time, err error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return until, fmt.Errorf("list of revoked certificates: %w", err)
	}
	for _, ca := range cas {
		if list.CheckSignatureFrom(ca) != nil {
			continue
		}
		for _, e := range list.RevokedCertificateEntries {
			t.revoked[serial{string(list.RawIssuer), e.SerialNumber.String()}] = struct{}{}
		}
		return list.NextUpdate, nil
	}
	return until, fmt.Errorf("list of revoked certificates of %q: none of the CAs has signed it", list.Issuer)
}

func parseCAs(text []byte) (cas []*x509.Certificate, err error) {
	for _, der := range blocks(text, "CERTIFICATE") {
		ca, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("CA: %w", err)
		}
		if !ca.IsCA {
			return nil, fmt.Errorf("the certificate of %q is not that of a CA", ca.Subject)
		}
		cas = append(cas, ca)
	}
	if len(cas) == 0 {
		return nil, errors.New("no CA is in it")
	}
	return cas, nil
}

// blocks are the PEM blocks of a kind, or the whole text where it has no PEM.
func blocks(text []byte, kind string) (out [][]byte) {
	for rest := text; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type == kind {
			out = append(out, b.Bytes)
		}
	}
	if len(out) == 0 && len(text) > 0 && !bytes.Contains(text, []byte("-----BEGIN ")) {
		return [][]byte{text}
	}
	return out
}

// verify checks a client's certificate: that a CA of now has issued it, for
// clients, and that neither it nor one on the way there is revoked.
func (t trust) verify(chain []*x509.Certificate, now time.Time) error {
	opt := x509.VerifyOptions{Roots: t.roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range chain[1:] {
		opt.Intermediates.AddCert(c)
	}
	ways, err := chain[0].Verify(opt)
	if err != nil {
		return fmt.Errorf("client's certificate: %w", err)
	}
	for _, way := range ways {
		if !t.hasRevoked(way) {
			return nil
		}
	}
	return errors.New("the client's certificate is revoked")
}

func (t trust) hasRevoked(way []*x509.Certificate) bool {
	for _, c := range way {
		if _, ok := t.revoked[serial{string(c.RawIssuer), c.SerialNumber.String()}]; ok {
			return true
		}
	}
	return false
}
