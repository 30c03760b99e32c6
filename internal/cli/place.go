package cli

import (
	"net"
	"strings"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry"
)

// place is what an argument names: a registry, a namespace or a repository of
// it, or a manifest.
type place struct {
	scheme string // http or https where it is said
	host   string
	path   string // a repository, or a namespace
	below  bool   // the path ends in "/": all below it is meant
	tag    string
	digest digest.Digest
}

// parsePlace reads [http[s]://]HOST[/PATH[/]].
func parsePlace(text string) (place, error) {
	var p place
	rest := text
	for _, scheme := range []string{"http", "https"} {
		if r, ok := strings.CutPrefix(rest, scheme+"://"); ok {
			p.scheme, rest = scheme, r
		}
	}
	p.host, p.path, _ = strings.Cut(rest, "/")
	p.path, p.below = strings.CutSuffix(p.path, "/")
	if p.path == "" {
		p.below = false
	}
	ref := registry.Reference{Registry: p.host, Repository: p.path}
	if err := ref.ValidateRegistry(); err != nil || p.host == "" {
		return p, usage("%q does not begin with the host of a registry", text)
	}
	if p.path != "" && ref.ValidateRepository() != nil {
		return p, usage("%q: %q is not the name of a repository or namespace", text, p.path)
	}
	return p, nil
}

// parseRef reads [http[s]://]HOST/REPOSITORY[:TAG][@DIGEST].
func parseRef(text string) (place, error) {
	rest, dgst, hasDigest := strings.Cut(text, "@")
	var tag string
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') && strings.Contains(strings.TrimPrefix(strings.TrimPrefix(rest, "http://"), "https://"), "/") {
		rest, tag = rest[:i], rest[i+1:]
		if (registry.Reference{Reference: tag}).ValidateReferenceAsTag() != nil {
			return place{}, usage("%q: %q is not a tag", text, tag)
		}
	}
	p, err := parsePlace(rest)
	if err != nil {
		return p, err
	}
	if p.path == "" || p.below {
		return p, usage("%q names no repository: write HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST", text)
	}
	p.tag = tag
	if hasDigest {
		if p.digest, err = digest.Parse(dgst); err != nil {
			return p, usage("%q: %v", text, err)
		}
	}
	return p, nil
}

// parseManifest reads a reference that names a manifest.
func parseManifest(text string) (place, error) {
	p, err := parseRef(text)
	if err == nil && p.tag == "" && p.digest == "" {
		err = usage("%q names no manifest: write %s/%s:TAG or %s/%s@DIGEST", text, p.host, p.path, p.host, p.path)
	}
	return p, err
}

// reference is what names the manifest within its repository: the digest when
// there is one.
func (p place) reference() string {
	if p.digest != "" {
		return string(p.digest)
	}
	return p.tag
}

// repository is HOST/PATH.
func (p place) repository() string {
	if p.path == "" {
		return p.host
	}
	return p.host + "/" + p.path
}

func (p place) String() string {
	s := p.repository()
	if p.tag != "" {
		s += ":" + p.tag
	}
	if p.digest != "" {
		s += "@" + string(p.digest)
	}
	return s
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
