package clienttest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// skopeo is a client that trusts every image, as it must where a machine has
// no policy.
type skopeo struct{ tool }

func newSkopeo(t *testing.T) skopeo { return skopeo{newTool(t, "skopeo")} }

// copy copies everything under a name, between registries without TLS or
// directories.
func (s skopeo) copy(t *testing.T, from, to string, flags ...string) {
	t.Helper()
	args := append([]string{"--insecure-policy", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"}, flags...)
	s.run(t, append(args, from, to)...)
}

// tags lists the tags of a repository.
func (s skopeo) tags(t *testing.T, repo string) string {
	t.Helper()
	out := parse[struct{ Tags []string }](t, s.run(t, "list-tags", "--tls-verify=false", "docker://"+repo))
	return strings.Join(out.Tags, " ")
}

func (s skopeo) raw(t *testing.T, image string) string {
	t.Helper()
	return s.run(t, "inspect", "--raw", "--tls-verify=false", image)
}

func TestSkopeoCopy(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		one := "docker://" + newRegctl(t, addr).multiArch(t, addr)
		skopeo := newSkopeo(t)
		copied, again := "docker://"+addr+"/acme/copy:1", "docker://"+addr+"/acme/again:1"
		layout := "oci:" + filepath.Join(skopeo.dir, "layout") + ":1"
		skopeo.copy(t, one+":all", copied)
		skopeo.copy(t, copied, layout)
		skopeo.copy(t, layout, again)
		equal(t, "the index after three copies", skopeo.raw(t, again), skopeo.raw(t, one+":all"))
		inspected := parse[struct{ Architecture string }](t,
			skopeo.run(t, "--override-arch=arm64", "inspect", "--tls-verify=false", again))
		equal(t, "the architecture", inspected.Architecture, "arm64")

		skopeo.copy(t, one+":all", "docker://"+addr+"/acme/docker:1", "--format=v2s2")
		holds(t, addr, append(multiArchLines("acme/one"),
			"acme/copy:1 index",
			"acme/copy manifest "+imageType+" linux/amd64",
			"acme/copy manifest "+imageType+" linux/arm64",
			"acme/again:1 index",
			"acme/again manifest "+imageType+" linux/amd64",
			"acme/again manifest "+imageType+" linux/arm64",
			"acme/docker:1 docker-list",
			"acme/docker docker-manifest "+dockerType+" linux/amd64",
			"acme/docker docker-manifest "+dockerType+" linux/arm64")...)
	})
}

func TestSkopeoNames(t *testing.T) {
	eachCatalog(t, func(t *testing.T, addr string) {
		newRegctl(t, addr).multiArch(t, addr)
		skopeo := newSkopeo(t)
		sync := []string{"--insecure-policy", "sync", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", "--src=docker"}
		skopeo.run(t, append(slices.Clone(sync), "--dest=docker", addr+"/acme/one", addr+"/mirror")...)
		skopeo.run(t, append(slices.Clone(sync), "--dest=dir", addr+"/mirror/one", "synced")...)
		equal(t, "the index in the directory", strings.TrimSpace(readFile(t, filepath.Join(skopeo.dir, "synced/one:all/manifest.json"))),
			skopeo.raw(t, "docker://"+addr+"/acme/one:all"))
		equal(t, "skopeo list-tags", skopeo.tags(t, addr+"/mirror/one"), "all amd64 arm64")

		mirrored := "docker://" + addr + "/mirror/one"
		skopeo.fails(t, "409", "delete", "--tls-verify=false", mirrored+":arm64")
		skopeo.run(t, "delete", "--tls-verify=false", mirrored+":all")
		skopeo.run(t, "delete", "--tls-verify=false", mirrored+":arm64")
		equal(t, "skopeo list-tags after the deletions", skopeo.tags(t, addr+"/mirror/one"), "amd64")
		skopeo.fails(t, "manifest unknown", "inspect", "--tls-verify=false", mirrored+":all")
		skopeo.fails(t, "name unknown", "inspect", "--tls-verify=false", "docker://"+addr+"/acme/none:1")
		holds(t, addr, append(multiArchLines("acme/one"), "mirror/one:amd64 manifest "+imageType+" linux/amd64")...)
	})
}
