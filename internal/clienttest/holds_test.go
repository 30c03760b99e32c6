package clienttest

import (
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// held is one manifest as a registry lists it.
type held struct {
	Repository string
	Tags       []string
	Descriptor ocispec.Descriptor
	Subject    digest.Digest
	// under is the part of the repository's name that is not told.
	under string
	// body is the manifest's own bytes, and content what it says.
	body    string
	content content
}

// content is what a manifest of any kind refers to.
type content struct {
	Config    *ocispec.Descriptor
	Layers    []ocispec.Descriptor
	Manifests []ocispec.Descriptor
	Subject   *ocispec.Descriptor
}

// holds asks a registry for everything it holds, compares what it tells with
// what it serves, and all of it with the lines that are expected, in any order.
// A line is
//
//	repository:tag,tag kind artifact-type platform of subject
//
// with what there is of it; [held.line] tells the words.
func holds(t *testing.T, addr string, want ...string) {
	t.Helper()
	holdsUnder(t, addr, "", want...)
}

// holdsUnder is holds for the repositories of a namespace, told without it.
func holdsUnder(t *testing.T, addr, namespace string, want ...string) {
	t.Helper()
	all := inventory(t, addr, namespace)
	for _, h := range all {
		h.audit(t, addr)
	}
	slices.Sort(want)
	equal(t, "what the registry holds", strings.Join(lines(all), "\n"), strings.Join(want, "\n"))
}

var nextLink = regexp.MustCompile(`^<(/[^>]+)>; rel="next"$`)

// inventory reads the listing of all manifests of a namespace, small pages
// after one another, and the manifests.
func inventory(t *testing.T, addr, namespace string) []held {
	t.Helper()
	query, under := "n=3", ""
	if namespace != "" {
		query, under = query+"&namespace="+namespace, namespace+"/"
	}
	var all []held
	for next := "/v2/_lading/list/manifests?" + query; next != ""; {
		resp, body := fetch(t, "http://"+addr+next, nil)
		all = append(all, parse[struct{ Items []held }](t, body).Items...)
		next = ""
		if link := nextLink.FindStringSubmatch(resp.Header.Get("Link")); link != nil {
			next = link[1]
		}
	}
	for i := range all {
		h := &all[i]
		h.under = under
		_, h.body = fetch(t, h.url(addr, "manifests", h.Descriptor.Digest), http.Header{"Accept": {h.Descriptor.MediaType}})
		h.content = parse[content](t, h.body)
	}
	return all
}

// audit checks that the manifest, its blobs, its tags and its place among its
// subject's referrers are what the listing says.
func (h held) audit(t *testing.T, addr string) {
	t.Helper()
	d := h.Descriptor
	resp, _ := fetch(t, h.url(addr, "manifests", d.Digest), nil)
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || mediaType != d.MediaType {
		t.Errorf("%s is served as %q (%v) and listed as %q", d.Digest, mediaType, err, d.MediaType)
	}
	if got := d.Digest.Algorithm().FromString(h.body); got != d.Digest || int64(len(h.body)) != d.Size {
		t.Errorf("%s of %d bytes is served as %s of %d bytes", d.Digest, d.Size, got, len(h.body))
	}
	for _, tag := range h.Tags {
		_, tagged := fetch(t, "http://"+addr+"/v2/"+h.Repository+"/manifests/"+tag, http.Header{"Accept": {d.MediaType}})
		equal(t, "the manifest under "+h.Repository+":"+tag, tagged, h.body)
	}
	for _, b := range h.blobs() {
		if _, bytes := fetch(t, h.url(addr, "blobs", b.Digest), nil); b.Digest.Algorithm().FromString(bytes) != b.Digest {
			t.Errorf("blob %s of %s is other bytes", b.Digest, h.Repository)
		}
	}
	h.auditSubject(t, addr)
}

func (h held) auditSubject(t *testing.T, addr string) {
	t.Helper()
	if h.content.Subject == nil {
		equal(t, "the subject listed", string(h.Subject), "")
		return
	}
	equal(t, "the subject listed", string(h.Subject), string(h.content.Subject.Digest))
	_, body := fetch(t, h.url(addr, "referrers", h.Subject), nil)
	found := slices.ContainsFunc(parse[ocispec.Index](t, body).Manifests, func(d ocispec.Descriptor) bool {
		return d.Digest == h.Descriptor.Digest && d.ArtifactType == h.Descriptor.ArtifactType
	})
	if !found {
		t.Errorf("%s is not among the referrers of its subject: %s", h.Descriptor.Digest, body)
	}
}

// blobs are the blobs that a manifest refers to and that the registry must
// have: all but those that may not be distributed.
func (h held) blobs() []ocispec.Descriptor {
	all := slices.Clone(h.content.Layers)
	if h.content.Config != nil {
		all = append(all, *h.content.Config)
	}
	return slices.DeleteFunc(all, func(d ocispec.Descriptor) bool {
		return strings.Contains(d.MediaType, ".nondistributable.") || strings.Contains(d.MediaType, ".foreign.")
	})
}

func (h held) url(addr, kind string, d digest.Digest) string {
	return "http://" + addr + "/v2/" + h.Repository + "/" + kind + "/" + string(d)
}

// lines tells an inventory in words that are the same in every run: no digest,
// no size, no time.
func lines(all []held) []string {
	var out []string
	for _, h := range all {
		line := h.line()
		if h.Subject != "" {
			line += " of " + subjectName(all, h)
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// line has the manifest's name, its kind (a manifest or an index of OCI's, or
// docker's), its artifact type as listed and its platform.
func (h held) line() string {
	words := []string{h.name()}
	switch h.Descriptor.MediaType {
	case ocispec.MediaTypeImageManifest:
		words = append(words, "manifest")
	case ocispec.MediaTypeImageIndex:
		words = append(words, "index")
	case "application/vnd.docker.distribution.manifest.v2+json":
		words = append(words, "docker-manifest")
	case "application/vnd.docker.distribution.manifest.list.v2+json":
		words = append(words, "docker-list")
	default:
		words = append(words, h.Descriptor.MediaType)
	}
	if h.Descriptor.ArtifactType != "" {
		words = append(words, h.Descriptor.ArtifactType)
	}
	if p := h.Descriptor.Platform; p != nil {
		words = append(words, strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/"))
	}
	return strings.Join(words, " ")
}

var digestTag = regexp.MustCompile(`sha(256|512)-[0-9a-f]{64,128}`)

// name is repository:tag,tag, with @ and the algorithm where that is not
// sha256; a tag that is made of a digest shows none.
func (h held) name() string {
	name := strings.TrimPrefix(h.Repository, h.under)
	if len(h.Tags) > 0 {
		name += ":" + digestTag.ReplaceAllString(strings.Join(h.Tags, ","), "sha$1-DIGEST")
	}
	if a := h.Descriptor.Digest.Algorithm(); a != digest.SHA256 {
		name += "@" + a.String()
	}
	return name
}

func subjectName(all []held, referrer held) string {
	for _, h := range all {
		if h.Repository == referrer.Repository && h.Descriptor.Digest == referrer.Subject {
			if len(h.Tags) > 0 {
				return h.name()
			}
			return h.Descriptor.ArtifactType
		}
	}
	return "nothing that is here"
}

// fetch gets a URL, which must be there.
func fetch(t *testing.T, url string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v\n%s", url, resp.Status, err, body)
	}
	return resp, string(body)
}
