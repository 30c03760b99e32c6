package client

import (
	_ "crypto/sha256" // make the algorithms of go-digest available
	_ "crypto/sha512"
	"regexp"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// What goes into a path is checked before, so that it names what it is meant
// to name (distribution-spec, "Pulling manifests").
var (
	nameForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagForm  = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	idForm   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	typeForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

const (
	maxName     = 255
	maxTypeName = 64
	maxDigest   = 255
)

func checkName(repo string) error {
	if len(repo) > maxName || !nameForm.MatchString(repo) {
		return lading.ErrNameInvalid
	}
	return nil
}

func checkTag(tag string) error {
	if !tagForm.MatchString(tag) {
		return lading.ErrTagInvalid
	}
	return nil
}

// checkDigest takes any digest of valid form, of unknown algorithms too.
func checkDigest(d lading.Digest) error {
	if len(d) > maxDigest || !digest.DigestRegexpAnchored.MatchString(string(d)) {
		return lading.ErrDigestInvalid
	}
	return nil
}

func checkReference(ref lading.Reference) error {
	if ref.Digest != "" {
		return checkDigest(ref.Digest)
	}
	return checkTag(ref.Tag)
}

// verifiable tells whether content can be compared with the digest.
func verifiable(d lading.Digest) bool { return d.Validate() == nil }

// repoPath is a path below a repository.
func repoPath(repo, rest string) string { return "/v2/" + repo + "/" + rest }

// at is the path of something at registry scope, or in a repository.
func at(repo, rest string) string {
	if repo == "" {
		return "/v2/" + rest
	}
	return repoPath(repo, rest)
}
