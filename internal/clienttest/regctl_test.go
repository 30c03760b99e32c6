package clienttest

import (
	"crypto/sha512"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

const (
	imageType  = "application/vnd.oci.image.config.v1+json"
	dockerType = "application/vnd.docker.container.image.v1+json"
	chunk      = 64 << 10
)

// newRegctl returns regctl with the registries told to be without TLS and to
// get blobs in chunks.
func newRegctl(t *testing.T, addrs ...string) tool {
	t.Helper()
	regctl := newTool(t, "regctl")
	for _, addr := range addrs {
		regctl.run(t, "registry", "set", "--skip-check", "--tls=disabled",
			fmt.Sprint("--blob-chunk=", chunk), fmt.Sprint("--blob-max=", chunk), addr)
	}
	return regctl
}

// image makes an image of one file for a platform, under ref.
func (c tool) image(t *testing.T, ref, arch string) {
	t.Helper()
	c.run(t, "image", "create", "--platform", "linux/"+arch, ref)
	c.run(t, "image", "mod", "--replace", "--layer-add", "tar="+c.layer(t, arch+".txt", "hello "+arch), ref)
}

// multiArch makes acme/one: an index :all of the images :amd64 and :arm64.
func (c tool) multiArch(t *testing.T, addr string) (one string) {
	t.Helper()
	one = addr + "/acme/one"
	c.image(t, one+":amd64", "amd64")
	c.image(t, one+":arm64", "arm64")
	c.run(t, "index", "create", one+":all", "--ref", one+":amd64", "--ref", one+":arm64")
	return one
}

// multiArchLines is what a registry holds of multiArch in a repository. The
// images that regctl makes before it puts a layer on them stay, untagged.
func multiArchLines(repo string) []string {
	return []string{
		repo + ":all index",
		repo + ":amd64 manifest " + imageType + " linux/amd64",
		repo + ":arm64 manifest " + imageType + " linux/arm64",
		repo + " manifest " + imageType + " linux/amd64",
		repo + " manifest " + imageType + " linux/arm64",
	}
}

func TestRegctlIndex(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		regctl := newRegctl(t, addr)
		one, two := regctl.multiArch(t, addr), addr+"/acme/two"
		equal(t, "regctl repo ls", regctl.run(t, "repo", "ls", addr), "acme/one")
		equal(t, "regctl tag ls", regctl.run(t, "tag", "ls", one), "all\namd64\narm64")
		equal(t, "the file in the image for arm64",
			regctl.run(t, "image", "get-file", "--platform=linux/arm64", one+":all", "/arm64.txt"), "hello arm64")

		regctl.run(t, "image", "copy", one+":all", two+":copy")
		equal(t, "the copy", regctl.run(t, "manifest", "get", "--format=raw-body", two+":copy"),
			regctl.run(t, "manifest", "get", "--format=raw-body", one+":all"))
		copied := []string{
			"acme/two:copy index",
			"acme/two manifest " + imageType + " linux/amd64",
			"acme/two manifest " + imageType + " linux/arm64",
		}
		holds(t, addr, append(multiArchLines("acme/one"), copied...)...)

		child := regctl.run(t, "image", "digest", one+":arm64")
		regctl.fails(t, "DENIED", "manifest", "delete", two+"@"+child)
		regctl.run(t, "manifest", "delete", two+"@"+regctl.run(t, "image", "digest", two+":copy"))
		regctl.run(t, "manifest", "delete", two+"@"+child)
		regctl.run(t, "tag", "rm", one+":amd64")
		equal(t, "regctl tag ls after a deletion", regctl.run(t, "tag", "ls", one), "all\narm64")
		equal(t, "the file in the image that lost its tag",
			regctl.run(t, "image", "get-file", "--platform=linux/amd64", one+":all", "/amd64.txt"), "hello amd64")
		regctl.fails(t, "MANIFEST_UNKNOWN", "manifest", "get", one+":amd64")
		left := multiArchLines("acme/one")
		left[1] = left[3] // untagged now, as the one without a layer is
		holds(t, addr, append(left, copied[1])...)
	})
}

func TestRegctlReferrers(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		regctl := newRegctl(t, addr)
		ref, other := addr+"/acme/app:1", addr+"/acme/other:1"
		regctl.run(t, "image", "create", ref)
		writeFile(t, filepath.Join(regctl.dir, "sbom"), "bill of materials")
		put := []string{"artifact", "put", "--artifact-type=" + sbomType, "--annotation=acme.tool=regctl", "--file=sbom", "--subject"}
		regctl.run(t, append(put, ref)...)

		list := []string{"artifact", "list", "--format={{range .Descriptors}}{{.ArtifactType}} {{index .Annotations \"acme.tool\"}}{{end}}"}
		equal(t, "regctl artifact list", regctl.run(t, append(list, ref)...), sbomType+" regctl")
		equal(t, "of another type", regctl.run(t, append(list, "--filter-artifact-type="+dataType, ref)...), "")
		equal(t, "regctl artifact get", regctl.run(t, "artifact", "get", "--filter-artifact-type="+sbomType, "--subject", ref), "bill of materials")

		regctl.run(t, "image", "copy", "--referrers", ref, other)
		layout := "ocidir://" + filepath.Join(regctl.dir, "layout") + ":1"
		regctl.run(t, "image", "copy", "--referrers", other, layout)
		equal(t, "the referrers of the copy in a layout", regctl.run(t, append(list, layout)...), sbomType+" regctl")
		holds(t, addr,
			"acme/app:1 manifest "+imageType, "acme/app manifest "+sbomType+" of acme/app:1",
			"acme/other:1 manifest "+imageType, "acme/other manifest "+sbomType+" of acme/other:1")
	})
}

// TestRegctlSHA512 has an index of which everything is under sha512: manifests,
// configurations and layers.
func TestRegctlSHA512(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		regctl := newRegctl(t, addr)
		one, wide := regctl.multiArch(t, addr), addr+"/acme/wide:all"
		layout := "ocidir://" + filepath.Join(regctl.dir, "layout") + ":all"
		regctl.run(t, "image", "copy", one+":all", layout)
		regctl.run(t, "image", "mod", "--replace", "--digest-algo=sha512", layout)
		regctl.run(t, "image", "copy", layout, wide)
		dgst := regctl.run(t, "image", "digest", layout)
		if !strings.HasPrefix(dgst, "sha512:") {
			t.Fatalf("the digest of the index is %s", dgst)
		}
		regctl.run(t, "image", "copy", wide, addr+"/acme/again@"+dgst)
		equal(t, "the file in the image for arm64",
			regctl.run(t, "image", "get-file", "--platform=linux/arm64", addr+"/acme/again@"+dgst, "/arm64.txt"), "hello arm64")
		holds(t, addr, append(multiArchLines("acme/one"),
			"acme/wide:all@sha512 index",
			"acme/wide@sha512 manifest "+imageType+" linux/amd64",
			"acme/wide@sha512 manifest "+imageType+" linux/arm64",
			"acme/again@sha512 index",
			"acme/again@sha512 manifest "+imageType+" linux/amd64",
			"acme/again@sha512 manifest "+imageType+" linux/arm64")...)
	})
}

// TestRegctlChunks uploads a blob in chunks through a network that loses an
// answer and a request: the client is told where the upload stands, and goes
// on there.
func TestRegctlChunks(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		lossy := newLossyProxy(t, addr)
		regctl := newRegctl(t, addr, lossy.addr)
		data := make([]byte, 10*chunk+1)
		for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(data); i++ {
			data[i] = byte(r.Uint32())
		}
		file := filepath.Join(regctl.dir, "blob")
		writeFile(t, file, string(data))
		want := fmt.Sprintf("sha512:%x", sha512.Sum512(data))
		equal(t, "regctl blob put", regctl.runWith(t, file, "blob", "put", "--digest", want, lossy.addr+"/acme/big"), want)
		if lost := lossy.lost.Load(); lost != 2 {
			t.Errorf("%d chunks were lost, want 2: the upload was not in chunks", lost)
		}
		equal(t, "the blob", regctl.run(t, "blob", "get", addr+"/acme/big", want), strings.TrimSpace(string(data)))

		out, stderr, err := regctl.try("blob", "copy", "--verbosity=debug", addr+"/acme/big", addr+"/acme/other", want)
		if err != nil || !strings.Contains(stderr, "registry mount") {
			t.Errorf("the blob was not mounted: %v\n%s%s", err, out, stderr)
		}
		regctl.run(t, "blob", "head", addr+"/acme/other", want)
		regctl.run(t, "blob", "delete", addr+"/acme/other", want)
		regctl.fails(t, "not found", "blob", "head", addr+"/acme/other", want)
		holds(t, addr) // uploads alone make no repository
	})
}

// lossyProxy forwards everything to a registry, but for two of the requests
// that carry a chunk: one reaches the registry and its answer is lost, and one
// is lost itself. A client waits longer after each, so there are no more.
type lossyProxy struct {
	addr   string
	chunks atomic.Int32
	lost   atomic.Int32
}

func newLossyProxy(t *testing.T, addr string) *lossyProxy {
	t.Helper()
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	p := new(lossyProxy)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPatch {
			forward.ServeHTTP(w, r)
			return
		}
		switch p.chunks.Add(1) {
		case 2:
			p.lost.Add(1)
			forward.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusBadGateway)
		case 5:
			p.lost.Add(1)
			w.WriteHeader(http.StatusBadGateway)
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	p.addr = strings.TrimPrefix(srv.URL, "http://")
	return p
}
