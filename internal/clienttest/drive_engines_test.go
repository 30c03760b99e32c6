package clienttest

import (
	"path/filepath"
	"strings"
	"testing"
)

func driveDocker(d *drive) {
	docker := d.noted(startDocker(d.T, "--registry-mirror=http://"+d.addr))
	docker.env = append(docker.env, "DOCKER_BUILDKIT=0")
	app := d.ref("acme/app")
	docker.put(d.T, "context/greeting", "hello from docker")
	docker.put(d.T, "context/Dockerfile", containerfile)
	docker.run(d.T, "build", "-t", app+":amd64", "context")
	// What the engine makes for another platform says its own in its
	// configuration; the list of manifests has what it is told.
	docker.run(d.T, "import", "--platform=linux/arm64", docker.layer(d.T, "etc/greeting", "hello from docker"), app+":arm64")
	for _, tag := range []string{":amd64", ":arm64"} {
		docker.run(d.T, "push", app+tag)
	}
	docker.run(d.T, "manifest", "create", "--insecure", app+":1", app+":amd64", app+":arm64")
	docker.run(d.T, "manifest", "annotate", "--arch=arm64", "--variant=v8", app+":1", app+":arm64")
	docker.run(d.T, "manifest", "push", "--insecure", app+":1")
	docker.run(d.T, "image", "rm", app+":amd64", app+":arm64")
	docker.run(d.T, "pull", "--platform=linux/amd64", app+":1")
	equal(d.T, "the file in the image", docker.fileIn(d.T, app+":1", "/etc/greeting"), "hello from docker")

	docker.run(d.T, "tag", app+":1", d.ref("library/greeting:1"))
	docker.run(d.T, "push", d.ref("library/greeting:1"))
	docker.run(d.T, "image", "rm", app+":1", d.ref("library/greeting:1"))
	docker.run(d.T, "pull", "greeting:1")
	equal(d.T, "the file in the image from the mirror", docker.fileIn(d.T, "greeting:1", "/etc/greeting"), "hello from docker")

	equal(d.T, "docker search", docker.run(d.T, "search", "--format={{.Name}}", d.ref("acme")), "acme/app")
	equal(d.T, "docker search for what is not there", docker.run(d.T, "search", "--format={{.Name}}", d.ref("nothing")), "")
}

// isolated gives podman or buildah a storage, a state and credentials (none)
// of its own.
func (c tool) isolated(t *testing.T) tool {
	t.Helper()
	at := func(name string) string { return filepath.Join(c.dir, name) }
	storage := c.put(t, "storage.conf", "[storage]\ndriver = \"vfs\"\ngraphroot = \""+at("root")+"\"\nrunroot = \""+at("run")+"\"\n")
	engine := c.put(t, "containers.conf", "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\ntmp_dir = \""+at("tmp")+"\"\n")
	c.put(t, "config.json", "{}") // DOCKER_CONFIG names its place
	c.env = append(c.env, "CONTAINERS_STORAGE_CONF="+storage, "CONTAINERS_CONF="+engine)
	return c
}

func drivePodman(d *drive) {
	podman := d.tool("podman").isolated(d.T)
	// A registry without TLS, and the same as a mirror of another.
	podman.env = append(podman.env, "CONTAINERS_REGISTRIES_CONF="+podman.put(d.T, "registries.conf", `
unqualified-search-registries = ["`+d.addr+`"]
[[registry]]
location = "`+d.addr+`"
insecure = true
[[registry]]
location = "upstream.example.com"
[[registry.mirror]]
location = "`+d.addr+`"
insecure = true
`))
	run := podman.with(d.T)
	podman.put(d.T, "context/greeting", "hello from podman")
	podman.put(d.T, "context/Containerfile", containerfile)
	app := d.ref("acme/app")
	run("build", "--isolation=chroot", "-t", app+":1", "context")
	id := run("image", "inspect", "--format={{.Id}}", app+":1")
	run("push", app+":1")
	run("push", "--format=v2s2", app+":1", d.ref("acme/docker:1"))
	run("rmi", "--force", id)
	run("pull", app+":1")
	equal(d.T, "the image pulled", run("image", "inspect", "--format={{.Id}}", app+":1"), id)

	run("manifest", "create", "list")
	run("manifest", "add", "list", "docker://"+app+":1")
	run("manifest", "push", "--all", "list", "docker://"+app+":all")
	equal(d.T, "the image by another registry's name", run("pull", "upstream.example.com/acme/app:all"), id)
	equal(d.T, "the image by a short name", run("pull", "acme/app:1"), id)
	equal(d.T, "podman search --list-tags", strings.Join(strings.Fields(run("search", "--list-tags", "--format={{.Tag}}", app)), " "), "NAME TAG "+app+" 1 "+app+" all")
	run("pull", app+":all")
	searched := newAskedProxy(d.T, d.addr)
	equal(d.T, "podman search", run("search", "--tls-verify=false", "--format={{.Name}}", searched.addr+"/app"), searched.addr+"/acme/app")
	if asked := searched.queries(); !strings.Contains(asked, "/v1/search?") || strings.Contains(asked, "/v2/_catalog") {
		d.Errorf("podman did not search, or read the catalog after it:\n%s", asked)
	}
	podman.fails(d.T, "manifest unknown", "pull", app+":none")
}

func driveBuildah(d *drive) {
	buildah := d.tool("buildah").isolated(d.T)
	run := buildah.with(d.T)
	buildah.put(d.T, "context/greeting", "hello from buildah")
	buildah.put(d.T, "context/Containerfile", containerfile)
	run("manifest", "create", "list")
	for _, platform := range []string{"linux/amd64", "linux/arm64/v8"} {
		run("bud", "--isolation=chroot", "--platform", platform, "--manifest=list", "-t", "local/"+strings.ReplaceAll(platform, "/", "-"), "context")
	}
	for _, format := range []string{"oci", "v2s2"} {
		run("manifest", "push", "--all", "--tls-verify=false", "--format", format, "list", "docker://"+d.ref("acme/app:"+format))
	}
	run("push", "--tls-verify=false", "--compression-format=zstd", "local/linux-amd64", "docker://"+d.ref("acme/zstd:1"))
	run("rmi", "--all", "--force")
	container := run("from", "--tls-verify=false", d.ref("acme/app:oci"))
	equal(d.T, "the file in the image", readFile(d.T, filepath.Join(run("mount", container), "etc/greeting")), "hello from buildah")
	run("umount", container)
	run("rm", container)
}
