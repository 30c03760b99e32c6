package clienttest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/certs/certstest"
)

// authority is a running ACME server, and a DNS server by which it finds every
// name on this machine.
type authority struct {
	ca        *certstest.CA // of its own certificate
	directory string
	manage    string
	tlsPort   string // where it comes to check names
	log       *record
}

// startAuthority starts one whose certificates are good for so long.
func startAuthority(t *testing.T, life time.Duration) *authority {
	t.Helper()
	a := &authority{ca: certstest.New(t, "of the ACME server"), tlsPort: freePort(t)}
	dir := t.TempDir()
	certificate, key := a.ca.Server(t, "127.0.0.1").Write(t, dir, "pebble")
	listen, manage, dns := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	file := filepath.Join(dir, "pebble.json")
	writeFile(t, file, fmt.Sprintf(`{"pebble":{"listenAddress":%q,"managementListenAddress":%q,"certificate":%q,"privateKey":%q,"httpPort":1,"tlsPort":%s,
		"profiles":{"default":{"description":"x","validityPeriod":%d}}}}`, listen, manage, certificate, key, a.tlsPort, int(life.Seconds())))
	background(t, newTool(t, "pebble-challtestsrv"), "-dnsserver", dns, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "",
		"-tlsalpn01", "", "-doh", "", "-management", "127.0.0.1:"+freePort(t))
	pebble := newTool(t, "pebble")
	pebble.env = append(pebble.env, "PEBBLE_VA_NOSLEEP=1")
	a.log = background(t, pebble, "-config", file, "-dnsserver", dns)
	a.directory, a.manage = "https://"+listen+"/dir", "https://"+manage
	waitFor(t, "pebble", func() bool { _, err := a.ask(a.directory); return err == nil })
	return a
}

func (a *authority) ask(url string) ([]byte, error) {
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.ca.Pool()}, DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// roots are the CAs of its certificates.
func (a *authority) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	root, err := a.ask(a.manage + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		t.Fatalf("%s", root)
	}
	return roots
}

// record is what a program has written so far.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// background runs a program until the test ends.
func background(t *testing.T, c tool, args ...string) *record {
	t.Helper()
	cmd := exec.Command(c.path, args...)
	cmd.Env, cmd.Dir = c.env, c.dir
	log := new(record)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(c.path), log)
		}
	})
	return log
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// TestACME has a certificate made by a real ACME server, keeps it for the next
// start, and has none made for other names.
func TestACME(t *testing.T) {
	a := startAuthority(t, 90*24*time.Hour)
	const host = "reg.lading.example"
	file := configFile(t, "")
	dir := filepath.Dir(file)
	clients := certstest.New(t, "clients")
	certstest.Write(t, filepath.Join(dir, "acme.pem"), a.ca.PEM())
	certstest.Write(t, filepath.Join(dir, "clients.pem"), clients.PEM())
	// Clients must show certificates; the ACME server, which has none, gets in
	// to look at the name all the same, and no further.
	writeFile(t, file, strings.Replace(readFile(t, file), "127.0.0.1:0", "127.0.0.1:"+a.tlsPort, 1)+
		"tls:\n  acme_hosts: "+host+"\n  acme_directory: "+a.directory+"\n  acme_ca: "+filepath.Join(dir, "acme.pem")+
		"\n  client_ca: "+filepath.Join(dir, "clients.pem")+"\n  client_auth: require\n")
	r := startRegistry(t, file)
	roots := a.roots(t)
	dial := func(name string, protocols ...string) (*tls.Conn, error) {
		return tls.Dial("tcp", r.addr, &tls.Config{RootCAs: roots, ServerName: name, NextProtos: protocols, Certificates: []tls.Certificate{clients.Client(t, "ada").TLS(t)}})
	}
	var first *x509.Certificate
	waitFor(t, "a certificate", func() bool {
		conn, err := dial(host)
		if err != nil {
			return false
		}
		defer conn.Close()
		first = conn.ConnectionState().PeerCertificates[0]
		return true
	})
	if !strings.Contains(first.Issuer.CommonName, "Pebble") {
		t.Error(first.Issuer)
	}
	for _, name := range []string{"other.lading.example", "lading.example"} {
		if conn, err := dial(name); err == nil {
			conn.Close()
			t.Errorf("%s has a certificate", name)
		}
	}
	if conn, err := dial(host, "acme-tls/1"); err == nil {
		conn.Close()
		t.Error("who comes to check a name is let in when none is to be checked")
	}
	keptForItsOwner(t, filepath.Join(dir, "data", "acme"))
	r.stop(t)
	r = startRegistry(t, file)
	conn, err := dial(host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if again := conn.ConnectionState().PeerCertificates[0]; again.SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("the next start had another certificate made")
	}
}

// keptForItsOwner checks that there are files, and that nobody else may read
// them.
func keptForItsOwner(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v", path, info.Mode())
		}
		if !d.IsDir() {
			files++
		}
		return err
	})
	if err != nil || files < 2 {
		t.Error(files, err)
	}
}
