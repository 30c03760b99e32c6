package certs_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/certs"
	"github.com/lading-dev/lading/internal/certs/certstest"
)

// shelf is a Store of several servers, one of which has the turn.
type shelf struct {
	mu    sync.Mutex
	texts map[string][]byte
	turn  bool            // of the server that is tested
	kept  []time.Duration // that it took the turn for
	ended int
}

func (s *shelf) Get(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "broken.example" {
		return nil, errors.New("the shelf is broken")
	}
	return s.texts[name], nil
}

func (s *shelf) Put(_ context.Context, name string, text []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[name] = text
	return nil
}

func (s *shelf) Delete(ctx context.Context, name string) error { return s.Put(ctx, name, nil) }

func (s *shelf) Turn(_ context.Context, d time.Duration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, d)
	return s.turn, nil
}

func (s *shelf) EndTurn(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended++
	return nil
}

// lay puts a certificate on the shelf, as another server does.
func (s *shelf) lay(t *testing.T, name string, c certstest.Cert) {
	t.Helper()
	pair := c.TLS(t)
	key, err := x509.MarshalECPrivateKey(pair.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key})
	for _, der := range pair.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if err := s.Put(t.Context(), name, text); err != nil {
		t.Fatal(err)
	}
}

// unreachable is the directory of a CA that is not there.
const unreachable = "https://127.0.0.1:1/dir"

// acmePlace serves hosts with what is on a shelf, and Run runs until stop.
func acmePlace(t *testing.T, ca *certstest.CA, s *shelf, hosts string, now func() time.Time) (p *place, stop func()) {
	t.Helper()
	p = open(t, ca, func(p *place) {
		p.opt.Certificate, p.opt.Key, p.opt.Poll, p.opt.Now = "", "", 5*time.Millisecond, now
		p.opt.ACME = certs.ACME{Hosts: strings.Fields(hosts), Directory: unreachable, Store: s, Dir: filepath.Join(p.dir, "acme")}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { p.s.Run(ctx) })
	stop = func() { cancel(); ended.Wait() }
	t.Cleanup(stop)
	return p, stop
}

// shown is the serial number of the certificate that is shown to who asks for a
// name, whatever its dates are.
func shown(p *place, name string, protocols ...string) (string, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", strings.TrimPrefix(p.url, "https://"),
		&tls.Config{InsecureSkipVerify: true, ServerName: name, NextProtos: protocols})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

func serial(t *testing.T, c certstest.Cert) string {
	t.Helper()
	return c.TLS(t).Leaf.SerialNumber.String()
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// TestSharedCertificate: what another server had made is served, also when it
// had it renewed; the one before is served meanwhile, and challenges are
// answered with what another began.
func TestSharedCertificate(t *testing.T) {
	ca, s := certstest.New(t, "CA"), &shelf{texts: map[string][]byte{}}
	var mu sync.Mutex
	ahead := time.Duration(0)
	now := func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(ahead) }
	p, stop := acmePlace(t, ca, s, "reg.example", now)
	first := ca.Server(t, "reg.example")
	time.AfterFunc(50*time.Millisecond, func() { s.lay(t, "reg.example", first) })
	if got, err := shown(p, "reg.example"); err != nil || got != serial(t, first) {
		t.Fatalf("%s %v: a connection waits for the first", got, err)
	}
	s.lay(t, "reg.example+token", ca.Server(t, "reg.example"))
	if got, err := shown(p, "reg.example", "acme-tls/1"); err != nil || got == serial(t, first) {
		t.Errorf("a challenge: %s %v", got, err)
	}
	if _, err := shown(p, "other.example", "acme-tls/1"); err == nil {
		t.Error("a challenge for another name is answered")
	}
	s.mu.Lock()
	asked := len(s.kept)
	s.mu.Unlock()
	mu.Lock()
	ahead = 45 * time.Minute // of an hour
	mu.Unlock()
	ca.Now = now
	s.lay(t, "reg.example", ca.Server(t, "other.example")) // of no use
	eventually(t, "nobody wants it renewed", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.kept) > asked+2 })
	if got, err := shown(p, "reg.example"); err != nil || got != serial(t, first) {
		t.Errorf("while it is renewed: %s %v", got, err)
	}
	second := ca.Server(t, "reg.example")
	s.lay(t, "reg.example", second)
	eventually(t, "the new one is not taken up", func() bool { got, _ := shown(p, "reg.example"); return got == serial(t, second) })
	if got := p.s.Expires(); !got.Equal(second.TLS(t).Leaf.NotAfter) {
		t.Errorf("expires %v", got)
	}
	stop()
	if n := p.s.Failures(); n != 0 || s.ended != 0 {
		t.Errorf("%d failures, %d turns ended:\n%s", n, s.ended, &p.log)
	}
}

// TestCAUnreachable: a failure is told, the next try waits, and the turn is kept
// for as long; who connects is refused at once.
func TestCAUnreachable(t *testing.T) {
	ca, s := certstest.New(t, "CA"), &shelf{texts: map[string][]byte{}, turn: true}
	var mu sync.Mutex
	ahead := time.Duration(0)
	p, stop := acmePlace(t, ca, s, "reg.example broken.example", func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(ahead) })
	for i, wait := range []time.Duration{1, 2, 4, 8, 10, 10} {
		eventually(t, "no failure", func() bool { return p.s.Failures() == uint64(2*i+2) })
		began := time.Now()
		if _, err := shown(p, "reg.example"); err == nil || time.Since(began) > 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		eventually(t, "the turn is not kept", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.kept) == 2*i+2 && s.kept[2*i+1] == wait*time.Minute
		})
		mu.Lock()
		ahead += time.Hour + time.Second
		mu.Unlock()
	}
	stop()
	if s.ended != 0 || !bytes.Contains(p.log.Bytes(), []byte("no certificate could be had for reg.example")) {
		t.Errorf("%d turns ended:\n%s", s.ended, &p.log)
	}
}
