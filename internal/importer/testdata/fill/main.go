// Command fill pushes content to a running registry, with crane, oras and
// plain requests, and writes what the registry then serves, as JSON: the
// truth that an import of its storage is compared with. See ../README.md.
//
//	go run ./internal/importer/testdata/fill HOST:PORT > want.json
package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Want is what a registry serves.
type Want struct {
	Tags      map[string]digest.Digest `json:"tags"`      // by "repository:tag"
	Manifests map[string]string        `json:"manifests"` // media types, by "repository@digest"
	Referrers map[string]string        `json:"referrers"` // subjects, by "repository@digest"
	Blobs     map[string]int64         `json:"blobs"`     // sizes, by "repository@digest"
}

type registry struct {
	host, dir string
	pushed    map[string]bool // "repository@digest", to look for afterwards
	repos     map[string]bool
}

func main() {
	log.SetFlags(0)
	dir, err := os.MkdirTemp("", "fill")
	must(err)
	defer os.RemoveAll(dir)
	r := &registry{os.Args[1], dir, map[string]bool{}, map[string]bool{}}
	r.images()
	r.artifacts()
	r.oddities()
	r.deleted()
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", " ")
	must(enc.Encode(r.survey()))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// run runs a client and returns what it printed.
func (r *registry) run(name string, args ...string) string {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stderr = r.dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		log.Fatalf("%s %v: %v", name, args, err)
	}
	return strings.TrimSpace(string(out))
}

func (r *registry) layer(name, text string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	must(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}))
	_, err := io.WriteString(w, text)
	must(err)
	must(w.Close())
	file := filepath.Join(r.dir, name+".tar")
	must(os.WriteFile(file, b.Bytes(), 0o600))
	return file
}

// note remembers a manifest by "HOST/repository@digest", as crane prints it.
func (r *registry) note(ref string) string {
	ref = strings.TrimPrefix(ref, r.host+"/")
	repo, _, _ := strings.Cut(ref, "@")
	r.repos[repo], r.pushed[ref] = true, true
	return ref
}

// images are Docker's and OCI's, of several platforms, with shared layers.
func (r *registry) images() {
	one, two := r.layer("one", "first"), r.layer("two", strings.Repeat("second ", 500))
	h := r.host + "/"
	r.note(r.run("crane", "append", "--insecure", "-f", one, "-t", h+"library/small:1"))
	r.note(r.run("crane", "append", "--insecure", "--oci-empty-base", "-f", one, "-f", two, "-t", h+"library/small:2"))
	r.run("crane", "tag", "--insecure", h+"library/small:2", "latest")
	// The tag moves: what it pointed to stays, untagged.
	r.note(r.run("crane", "append", "--insecure", "-f", two, "-t", h+"library/small:1"))
	r.note(r.run("crane", "append", "--insecure", "-f", one, "-t", h+"a/b/c/d/e/f-g__h.i:deep"))
	amd := r.run("crane", "mutate", "--insecure", "--set-platform", "linux/amd64", "-t", h+"library/multi:amd64", h+"library/small:2")
	arm := r.run("crane", "mutate", "--insecure", "--set-platform", "linux/arm64", "-t", h+"library/multi:arm64", h+"library/small:2")
	r.note(amd)
	r.note(arm)
	r.note(r.run("crane", "index", "append", "--insecure", "-m", amd, "-m", arm, "-t", h+"library/multi:latest"))
}

// artifacts have referrers, over the API where there is one, and by the
// fallback tag.
func (r *registry) artifacts() {
	must(os.WriteFile(filepath.Join(r.dir, "sbom.json"), []byte(`{"spdx":true}`), 0o600))
	must(os.WriteFile(filepath.Join(r.dir, "sig.txt"), []byte("signed"), 0o600))
	must(os.WriteFile(filepath.Join(r.dir, "note.txt"), []byte("noted"), 0o600))
	ref := r.host + "/tools/artifact"
	r.run("oras", "push", "--plain-http", "--artifact-type", "application/vnd.example.tool", ref+":v1", "sbom.json:application/json")
	for _, a := range [][]string{
		{"--artifact-type", "application/vnd.example.sbom", ref + ":v1", "sbom.json:application/spdx+json"},
		{"--artifact-type", "application/vnd.example.sig", "--distribution-spec", "v1.1-referrers-tag", ref + ":v1", "sig.txt"},
		{"--artifact-type", "application/vnd.example.note", r.host + "/library/multi:latest", "note.txt"},
	} {
		out := r.run("oras", append([]string{"attach", "--plain-http", "--format", "go-template={{.reference}}"}, a...)...)
		r.note(out)
	}
}

// oddities are what clients seldom push. A registry may refuse any of it.
func (r *registry) oddities() {
	const repo = "odd/things"
	r.repos[repo] = true
	config, layer := []byte("{}"), []byte("layer of an oddity")
	sum := func(alg digest.Algorithm, b []byte) string {
		return fmt.Sprintf(`{"mediaType":"application/vnd.example.x","digest":"%s","size":%d}`, alg.FromBytes(b), len(b))
	}
	for _, b := range [][]byte{config, layer, []byte("used by nobody")} {
		r.blob(repo, digest.FromBytes(b), b)
	}
	manifest := func(more string) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2%s,"config":%s,"layers":[%s]}`, more, sum(digest.SHA256, config), sum(digest.SHA256, layer))
	}
	const oci = "application/vnd.oci.image.manifest.v1+json"
	r.manifest(repo, "nomediatype", oci, manifest(""))
	untagged := manifest(`,"annotations":{"is":"untagged"}`)
	r.manifest(repo, string(digest.FromBytes(untagged)), oci, untagged)
	missing := manifest(`,"mediaType":"` + oci + `","subject":{"mediaType":"` + oci + `","digest":"sha256:` + strings.Repeat("ab", 32) + `","size":3}`)
	r.manifest(repo, string(digest.FromBytes(missing)), oci, missing)
	foreign := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":"sha256:%s","size":9}]}`,
		oci, sum(digest.SHA256, config), strings.Repeat("cd", 32))
	r.manifest(repo, "foreign", oci, foreign)
	r.blob(repo, digest.SHA512.FromBytes(layer), layer)
	long := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%s","config":%s,"layers":[%s]}`, oci, sum(digest.SHA256, config), sum(digest.SHA512, layer))
	r.manifest(repo, "sha512-layer", oci, long)
	r.manifest(repo, string(digest.SHA512.FromBytes(long)), oci, long)
	sparse := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"%s","digest":"%s","size":%d},{"mediaType":"%s","digest":"sha256:%s","size":7}]}`,
		oci, digest.FromBytes(untagged), len(untagged), oci, strings.Repeat("ef", 32))
	r.manifest(repo, "sparse", "application/vnd.oci.image.index.v1+json", sparse)
}

// deleted came and went.
func (r *registry) deleted() {
	const repo = "odd/deleted"
	r.repos[repo] = true
	config := []byte(`{"of":"deleted"}`)
	r.blob(repo, digest.FromBytes(config), config)
	for _, name := range []string{"stays", "goes"} {
		raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.example.x","digest":"%s","size":%d},"layers":[],"annotations":{"it":"%s"}}`,
			digest.FromBytes(config), len(config), name)
		r.manifest(repo, name, "application/vnd.oci.image.manifest.v1+json", raw)
		if name == "goes" {
			log.Printf("DELETE: %d", r.do("DELETE", "/v2/"+repo+"/manifests/"+string(digest.FromBytes(raw)), "", nil).StatusCode)
		}
	}
}

func (r *registry) do(method, path, contentType string, body []byte) *http.Response {
	if !strings.HasPrefix(path, "http") {
		path = "http://" + r.host + path
	}
	req, err := http.NewRequest(method, path, bytes.NewReader(body))
	must(err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Accept", strings.Join([]string{"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
		"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json", "*/*"}, ", "))
	res, err := http.DefaultClient.Do(req)
	must(err)
	raw, err := io.ReadAll(res.Body)
	must(err)
	must(res.Body.Close())
	res.Body = io.NopCloser(bytes.NewReader(raw))
	return res
}

func (r *registry) blob(repo string, d digest.Digest, b []byte) {
	res := r.do("POST", "/v2/"+repo+"/blobs/uploads/", "", nil)
	u, err := url.Parse(res.Header.Get("Location"))
	must(err)
	base := &url.URL{Scheme: "http", Host: r.host}
	u = base.ResolveReference(u)
	q := u.Query()
	q.Set("digest", string(d))
	u.RawQuery = q.Encode()
	if res = r.do("PUT", u.String(), "application/octet-stream", b); res.StatusCode != http.StatusCreated {
		log.Printf("PUT blob %s: %d", d, res.StatusCode)
	}
}

func (r *registry) manifest(repo, ref, mediaType string, raw []byte) {
	res := r.do("PUT", "/v2/"+repo+"/manifests/"+ref, mediaType, raw)
	if res.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(res.Body)
		log.Printf("PUT manifest %s: %d %s", ref, res.StatusCode, text)
		return
	}
	r.pushed[repo+"@"+string(digest.FromBytes(raw))] = true
	if strings.HasPrefix(ref, "sha") && strings.Contains(ref, ":") {
		r.pushed[repo+"@"+ref] = true
	}
}

type document struct {
	Config    *descriptor  `json:"config"`
	Layers    []descriptor `json:"layers"`
	Manifests []descriptor `json:"manifests"`
	Subject   *descriptor  `json:"subject"`
}

type descriptor struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
}

// survey asks the registry for all that was pushed and all that it lists.
func (r *registry) survey() Want {
	w := Want{map[string]digest.Digest{}, map[string]string{}, map[string]string{}, map[string]int64{}}
	for repo := range r.repos {
		res := r.do("GET", "/v2/"+repo+"/tags/list", "", nil)
		var list struct{ Tags []string }
		must(json.NewDecoder(res.Body).Decode(&list))
		for _, tag := range list.Tags {
			res := r.do("GET", "/v2/"+repo+"/manifests/"+tag, "", nil)
			raw, _ := io.ReadAll(res.Body)
			d := digest.Digest(res.Header.Get("Docker-Content-Digest"))
			if res.StatusCode != http.StatusOK || d.Algorithm().FromBytes(raw) != d {
				log.Fatalf("%s:%s: %d %s", repo, tag, res.StatusCode, d)
			}
			w.Tags[repo+":"+tag] = d
			r.pushed[repo+"@"+string(d)] = true
		}
	}
	for len(r.pushed) > 0 {
		for ref := range r.pushed {
			delete(r.pushed, ref)
			if _, ok := w.Manifests[ref]; !ok {
				r.look(&w, ref)
			}
		}
	}
	return w
}

func (r *registry) look(w *Want, ref string) {
	repo, d, _ := strings.Cut(ref, "@")
	res := r.do("GET", "/v2/"+repo+"/manifests/"+d, "", nil)
	if res.StatusCode != http.StatusOK {
		log.Printf("%s: %d", ref, res.StatusCode)
		return
	}
	w.Manifests[ref] = res.Header.Get("Content-Type")
	var doc document
	must(json.NewDecoder(res.Body).Decode(&doc))
	if doc.Subject != nil {
		w.Referrers[ref] = string(doc.Subject.Digest)
	}
	for _, m := range doc.Manifests {
		r.pushed[repo+"@"+string(m.Digest)] = true
	}
	blobs := slices.Clone(doc.Layers)
	if doc.Config != nil {
		blobs = append(blobs, *doc.Config)
	}
	for _, b := range blobs {
		res := r.do("GET", "/v2/"+repo+"/blobs/"+string(b.Digest), "", nil)
		if raw, _ := io.ReadAll(res.Body); res.StatusCode == http.StatusOK && b.Digest.Algorithm().FromBytes(raw) == b.Digest {
			w.Blobs[repo+"@"+string(b.Digest)] = int64(len(raw))
		}
	}
}
