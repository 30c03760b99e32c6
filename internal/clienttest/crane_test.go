package clienttest

import (
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestCranePushAndPull(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		crane := newTool(t, "crane")
		layer := crane.layer(t, "hello.txt", "hello from crane")
		ref := addr + "/acme/web:1"

		pushed := crane.run(t, "append", "--insecure", "--oci-empty-base", "-f", layer, "-t", ref)
		dgst := strings.TrimPrefix(pushed, addr+"/acme/web@")
		equal(t, "crane digest", crane.run(t, "digest", "--insecure", ref), dgst)
		manifest := crane.run(t, "manifest", "--insecure", ref)
		equal(t, "the digest of the manifest's bytes", digestOf(manifest), dgst)

		layout := filepath.Join(crane.dir, "layout")
		crane.run(t, "pull", "--insecure", "--format=oci", ref, layout)
		index := parse[ocispec.Index](t, readFile(t, filepath.Join(layout, "index.json")))
		if len(index.Manifests) != 1 || index.Manifests[0].Digest.String() != dgst {
			t.Errorf("pulled %+v, pushed %s", index.Manifests, dgst)
		}
		crane.run(t, "validate", "--insecure", "--remote", ref)

		out := filepath.Join(crane.dir, "out.tar")
		crane.run(t, "export", "--insecure", ref, out)
		if !strings.Contains(readFile(t, out), "hello from crane") {
			t.Error("the file is not in the image that was pulled")
		}
	})
}

func TestCraneNames(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		crane := newTool(t, "crane")
		web := addr + "/acme/web"
		crane.run(t, "append", "--insecure", "-f", crane.layer(t, "a", "a"), "-t", web+":b")
		dgst := crane.run(t, "digest", "--insecure", web+":b")

		crane.run(t, "tag", "--insecure", web+":b", "a")
		equal(t, "crane ls", crane.run(t, "ls", "--insecure", web), "a\nb")
		crane.run(t, "copy", "--insecure", web+":b", addr+"/acme/copy:1")
		equal(t, "the copy's digest", crane.run(t, "digest", "--insecure", addr+"/acme/copy:1"), dgst)
		equal(t, "crane catalog", crane.run(t, "catalog", "--insecure", addr), "acme/copy\nacme/web")

		crane.run(t, "delete", "--insecure", web+":b")
		equal(t, "crane ls after deleting the tag", crane.run(t, "ls", "--insecure", web), "a")
		crane.run(t, "delete", "--insecure", web+"@"+dgst)
		crane.fails(t, "MANIFEST_UNKNOWN", "manifest", "--insecure", web+":a")
		crane.fails(t, "NAME_UNKNOWN", "manifest", "--insecure", addr+"/acme/none:1")
	})
}

func TestCraneIndex(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		crane := newTool(t, "crane")
		multi := addr + "/acme/multi"
		for _, arch := range []string{"amd64", "arm64"} {
			one := multi + ":" + arch
			crane.run(t, "append", "--insecure", "--oci-empty-base", "-f", crane.layer(t, arch, arch), "-t", one)
			crane.run(t, "mutate", "--insecure", "--set-platform", "linux/"+arch, "-t", one, one)
		}
		crane.run(t, "index", "append", "--insecure", "-m", multi+":amd64", "-m", multi+":arm64", "-t", multi+":all")
		want := crane.run(t, "digest", "--insecure", multi+":arm64")
		equal(t, "the index's arm64", crane.run(t, "digest", "--insecure", "--platform", "linux/arm64", multi+":all"), want)
		crane.run(t, "validate", "--insecure", "--remote", multi+":all")
		crane.fails(t, "DENIED", "delete", "--insecure", multi+"@"+want)
	})
}
