package cli

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/lading-dev/lading/client"
)

// transport is the way to a host with the certificates that flags name and, of
// those that podman and docker would use, the host's.
func (f *connFlags) transport(host string, plain bool) (http.RoundTripper, error) {
	certs := client.Certificates{CAFile: f.caFile, CertFile: f.cert, KeyFile: f.key, Insecure: f.insecure}
	switch {
	case plain && f.cert != "" && !f.both:
		return nil, usage("--%scert: %s is spoken to over HTTP, where nothing is shown: write https://%s", f.end, host, host)
	case !plain:
		certs.Directories = client.CertificateDirectories()
	}
	t, err := certs.Transport(host)
	var file *client.CertificateFileError
	if !errors.As(err, &file) {
		return t, err
	}
	switch file.File {
	case f.cert:
		if f.key == "" {
			return nil, usage("--%scert: %v: name the file of its key with --%[1]skey", f.end, err)
		}
		return nil, usage("--%scert: %v", f.end, err)
	case f.key:
		return nil, usage("--%skey: %v", f.end, err)
	case f.caFile:
		return nil, usage("--ca-file: %v", err)
	}
	return nil, err
}

// certificateText is what is wrong with a certificate, and what to do about it.
func certificateText(e *client.CertificateError) string {
	text := clean(e.Error())
	at := "DIR"
	if dirs := client.CertificateDirectories(); len(dirs) > 0 {
		at = dirs[0]
	}
	at = filepath.Join(at, e.Host)
	var unknown x509.UnknownAuthorityError
	switch {
	case e.Reason == client.CertificateUntrusted && errors.As(e.Err, &unknown):
		text += fmt.Sprintf("\ntrust the authority that has signed it with --ca-file FILE, or as %s", filepath.Join(at, "ca.crt"))
	case e.Reason == client.CertificateWanted:
		text += fmt.Sprintf("\nshow one with --cert FILE and --key FILE, or put client.cert and client.key into %s", at)
	case e.Reason == client.CertificateRefused:
		text += "\nshow one that the registry's authority has signed, and that is good now, with --cert FILE and --key FILE"
	}
	return text
}
