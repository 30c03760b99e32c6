package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Certificates say whom to trust beside the authorities of the system, and what
// to show to a registry that knows its callers by certificates. The zero value
// is neither. Files are PEM; they are read once, by [Certificates.Transport].
type Certificates struct {
	// CAFile has certificates of authorities that are trusted as well.
	CAFile string
	// CertFile has the certificate to show, and those between it and its
	// authority; KeyFile its private key, which may also be in CertFile. They
	// are shown instead of those in Directories.
	CertFile, KeyFile string
	// Directories are where each registry may have a directory of its own,
	// HOST or HOST:PORT just as the registry is named: of several the first
	// counts. In it *.crt are authorities, and NAME.cert with NAME.key are to
	// be shown (containers-certs.d(5)). See [CertificateDirectories].
	Directories []string
	// Insecure takes every certificate for the registry's.
	Insecure bool
}

// CertificateDirectories are where podman and docker look for certificates of
// registries: containers/certs.d of the user's configuration and of /etc, and
// /etc/docker/certs.d.
func CertificateDirectories() []string {
	own := os.Getenv("XDG_CONFIG_HOME")
	if home, err := os.UserHomeDir(); own == "" && err == nil {
		own = filepath.Join(home, ".config")
	}
	dirs := []string{"/etc/containers/certs.d", "/etc/docker/certs.d"}
	if own != "" {
		dirs = append([]string{filepath.Join(own, "containers", "certs.d")}, dirs...)
	}
	return dirs
}

// CertificateFileError is a file of certificates that cannot be used.
type CertificateFileError struct {
	File string
	Err  error
}

func (e *CertificateFileError) Error() string { return e.File + ": " + e.Err.Error() }
func (e *CertificateFileError) Unwrap() error { return e.Err }

// Transport returns how to reach a registry, "HOST" or "HOST:PORT", with these
// certificates; it is made for [Options]. What is trusted is so for all hosts
// that the registry leads to; a certificate is shown to the registry alone.
//
// Errors: *CertificateFileError. Those of its RoundTrip are of
// *[CertificateError] where a certificate is the reason.
func (c Certificates) Transport(host string) (http.RoundTripper, error) {
	roots, pairs, err := c.read(host)
	if err != nil {
		return nil, err
	}
	base, ok := newTransport().(*http.Transport)
	if !ok {
		return nil, errors.New("http.DefaultTransport is of a kind that no certificate can be given to")
	}
	shown := &showing{pairs: pairs, must: c.CertFile != ""}
	base.TLSClientConfig = &tls.Config{RootCAs: roots, InsecureSkipVerify: c.Insecure} //nolint:gosec // asked for
	base.MaxIdleConnsPerHost = 32
	own := base.Clone()
	own.TLSClientConfig.GetClientCertificate = shown.choose
	return &certTransport{host: host, own: own, others: base, shown: shown}, nil
}

// pair is a certificate to show.
type pair struct {
	tls.Certificate
	file string
}

// read reads what is trusted, nil for what the system trusts, and what may be
// shown.
func (c Certificates) read(host string) (*x509.CertPool, []pair, error) {
	if c.KeyFile != "" && c.CertFile == "" {
		return nil, nil, &CertificateFileError{c.KeyFile, errors.New("the certificate that this key belongs to is not named")}
	}
	dir, names, err := c.directory(host)
	if err != nil {
		return nil, nil, err
	}
	var authorities []string
	var pairs []pair
	for _, name := range names {
		if filepath.Ext(name) == ".crt" {
			authorities = append(authorities, filepath.Join(dir, name))
		}
	}
	if c.CertFile != "" {
		p, err := readPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, nil, err
		}
		pairs = []pair{p}
	} else if pairs, err = readPairs(dir, names); err != nil {
		return nil, nil, err
	}
	if c.CAFile != "" {
		authorities = append(authorities, c.CAFile)
	}
	roots, err := readAuthorities(authorities)
	return roots, pairs, err
}

// directory is the directory of a host, and what is in it; nothing where there
// is none, or where others than the caller may look.
func (c Certificates) directory(host string) (dir string, names []string, err error) {
	if host == "" || host == "." || host == ".." || strings.ContainsAny(host, `/\`) {
		return "", nil, nil
	}
	for _, at := range c.Directories {
		dir := filepath.Join(at, host)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return "", nil, &CertificateFileError{dir, reason(err)}
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return dir, names, nil
	}
	return "", nil, nil
}

// readPairs reads the certificates of a directory that may be shown, and holds
// that none lacks its key, and no key its certificate.
func readPairs(dir string, names []string) (pairs []pair, err error) {
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for _, name := range names {
		file := filepath.Join(dir, name)
		switch base := strings.TrimSuffix(name, filepath.Ext(name)); {
		case filepath.Ext(name) == ".key" && !there[base+".cert"]:
			return nil, &CertificateFileError{file, fmt.Errorf("the certificate of this key, %s.cert, is missing beside it", base)}
		case filepath.Ext(name) == ".cert" && !there[base+".key"]:
			return nil, &CertificateFileError{file, fmt.Errorf("the key of this certificate, %s.key, is missing beside it; an authority is named *.crt", base)}
		case filepath.Ext(name) == ".cert":
			p, err := readPair(file, filepath.Join(dir, base+".key"))
			if err != nil {
				return nil, err
			}
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}

// readPair reads a certificate and its key, which are in one file where none is
// named for the key.
func readPair(certFile, keyFile string) (pair, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return pair{}, &CertificateFileError{certFile, reason(err)}
	}
	key := cert
	if keyFile == "" {
		keyFile = certFile
	} else if key, err = os.ReadFile(keyFile); err != nil {
		return pair{}, &CertificateFileError{keyFile, reason(err)}
	}
	if !strings.Contains(string(cert), "-----BEGIN CERTIFICATE-----") {
		return pair{}, &CertificateFileError{certFile, errors.New("there is no certificate (PEM) in it")}
	}
	if !strings.Contains(string(key), "PRIVATE KEY-----") {
		return pair{}, &CertificateFileError{keyFile, errors.New("there is no private key (PEM) in it")}
	}
	made, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair{}, &CertificateFileError{keyFile, fmt.Errorf("the certificate %s and this key are of no use together: %w", certFile, err)}
	}
	return pair{made, certFile}, nil
}

// readAuthorities are those of the system and of files; nil for none of files.
func readAuthorities(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, &CertificateFileError{file, reason(err)}
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, &CertificateFileError{file, errors.New("there is no certificate (PEM) in it")}
		}
	}
	return pool, nil
}

// reason is an error of a file without the file, which is told anyway.
func reason(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
