package clienttest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	dataType = "application/vnd.acme.data.v1"
	sbomType = "application/vnd.acme.sbom.v1"
)

func TestOrasPushAndPull(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		oras := newTool(t, "oras")
		ref := addr + "/acme/data:1"
		writeFile(t, filepath.Join(oras.dir, "hello.txt"), "hello from oras")

		pushed := parse[ocispec.Descriptor](t, oras.run(t, "push", "--plain-http", "--format", "json",
			"--artifact-type", dataType, "--annotation", "acme.colour=blue", ref, "hello.txt:text/plain"))
		fetched := parse[ocispec.Descriptor](t, oras.run(t, "manifest", "fetch", "--plain-http", "--descriptor", ref))
		equal(t, "the digest", fetched.Digest.String(), pushed.Digest.String())

		oras.run(t, "pull", "--plain-http", "-o", "out", ref)
		equal(t, "the file that was pulled", readFile(t, filepath.Join(oras.dir, "out", "hello.txt")), "hello from oras")

		oras.run(t, "tag", "--plain-http", ref, "latest", "1.0")
		equal(t, "oras repo tags", oras.run(t, "repo", "tags", "--plain-http", addr+"/acme/data"), "1\n1.0\nlatest")
		equal(t, "oras repo ls", oras.run(t, "repo", "ls", "--plain-http", addr), "acme/data")
	})
}

func TestOrasAttachAndDiscover(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		oras := newTool(t, "oras")
		ref := addr + "/acme/data:1"
		writeFile(t, filepath.Join(oras.dir, "hello.txt"), "hello")
		writeFile(t, filepath.Join(oras.dir, "sbom.json"), "{}")
		oras.run(t, "push", "--plain-http", "--artifact-type", dataType, ref, "hello.txt:text/plain")
		oras.run(t, "attach", "--plain-http", "--distribution-spec", "v1.1-referrers-api",
			"--artifact-type", sbomType, "--annotation", "acme.tool=hand", ref, "sbom.json:application/json")

		found := discover(t, oras, ref)
		if len(found) != 1 || found[0].ArtifactType != sbomType || found[0].Annotations["acme.tool"] != "hand" {
			t.Fatalf("discovered %+v", found)
		}
		if none := discover(t, oras, "--artifact-type", "application/vnd.acme.other", ref); len(none) != 0 {
			t.Errorf("of another type: %+v", none)
		}
		oras.run(t, "cp", "-r", "--from-plain-http", "--to-plain-http", ref, addr+"/acme/copy:1")
		if copied := discover(t, oras, addr+"/acme/copy:1"); len(copied) != 1 || copied[0].Digest != found[0].Digest {
			t.Errorf("discovered at the copy: %+v", copied)
		}
		oras.run(t, "manifest", "delete", "--plain-http", "--force", addr+"/acme/data@"+found[0].Digest.String())
		if left := discover(t, oras, ref); len(left) != 0 {
			t.Errorf("discovered after deleting: %+v", left)
		}
	})
}

// discover lists the referrers that the referrers API tells; the tag scheme of
// older registries is not tried.
func discover(t *testing.T, oras tool, args ...string) []ocispec.Descriptor {
	t.Helper()
	args = append([]string{"discover", "--plain-http", "--format", "json", "--distribution-spec", "v1.1-referrers-api"}, args...)
	return parse[struct{ Referrers []ocispec.Descriptor }](t, oras.run(t, args...)).Referrers
}

func TestOrasBlob(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		oras := newTool(t, "oras")
		blob := addr + "/acme/data@" + digestOf("some bytes")
		writeFile(t, filepath.Join(oras.dir, "blob"), "some bytes")
		oras.run(t, "blob", "push", "--plain-http", addr+"/acme/data", "blob")
		equal(t, "the blob", oras.run(t, "blob", "fetch", "--plain-http", "--output", "-", blob), "some bytes")
		oras.run(t, "blob", "delete", "--plain-http", "--force", blob)
		oras.fails(t, "not found", "blob", "fetch", "--plain-http", "--output", "-", blob)
	})
}

// TestWideBlobs has a manifest with a layer under sha512, which oras pushes
// and crane copies. (Neither puts a manifest itself under sha512: regctl does.)
func TestWideBlobs(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		oras, crane := newTool(t, "oras"), newTool(t, "crane")
		wide, data := addr+"/acme/wide", "hello, and a digest of 64 bytes"
		dgst := digest.SHA512.FromString(data).String()
		writeFile(t, filepath.Join(oras.dir, "data"), data)
		writeFile(t, filepath.Join(oras.dir, "empty"), "{}")
		writeFile(t, filepath.Join(oras.dir, "manifest.json"), `{"schemaVersion":2,"mediaType":"`+ocispec.MediaTypeImageManifest+
			`","artifactType":"`+dataType+`","config":{"mediaType":"`+ocispec.MediaTypeEmptyJSON+`","digest":"`+digestOf("{}")+`","size":2},`+
			`"layers":[{"mediaType":"text/plain","digest":"`+dgst+`","size":31}]}`)
		oras.run(t, "blob", "push", "--plain-http", "--size=31", wide+"@"+dgst, "data")
		oras.run(t, "blob", "push", "--plain-http", wide, "empty")
		oras.run(t, "manifest", "push", "--plain-http", wide+":1", "manifest.json")
		equal(t, "the blob", oras.run(t, "blob", "fetch", "--plain-http", "--output=-", wide+"@"+dgst), data)
		_, told, err := crane.try("copy", "--insecure", wide+":1", addr+"/acme/copy:1")
		if err != nil || !strings.Contains(told, "mounted blob: "+dgst) {
			t.Errorf("the blob was not mounted: %v\n%s", err, told)
		}
		holds(t, addr, "acme/wide:1 manifest "+dataType, "acme/copy:1 manifest "+dataType)
	})
}
