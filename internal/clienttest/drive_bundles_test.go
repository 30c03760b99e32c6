package clienttest

import (
	"path/filepath"
	"strings"
)

// cnabBundle is a bundle.json (CNAB, "The bundle.json File") with one image
// beside the one that installs it.
func cnabBundle(name, installer, web string) string {
	return `{"schemaVersion":"v1.2.0","name":"` + name + `","version":"0.1.0","description":"A greeting and what serves it","keywords":["greeting","web"],` +
		`"maintainers":[{"name":"Jane Doe","email":"jane.doe@example.com","url":"https://example.com"}],` +
		`"invocationImages":[{"imageType":"docker","image":"` + installer + `"}],` +
		`"images":{"web":{"description":"serves it","imageType":"docker","image":"` + web + `"}}}`
}

// driveCNAB pushes a thin bundle, whose images are in other repositories and
// are mounted from there, one of them for two platforms; a thick one, whose
// images are with the engine alone and are pushed along; and a copy.
func driveCNAB(d *drive) {
	cnab, crane, docker := d.tool("cnab-to-oci"), d.tool("crane"), d.noted(startDocker(d.T))
	version := docker.run(d.T, "version", "--format={{.Server.APIVersion}}")
	cnab.env = append(cnab.env, "DOCKER_API_VERSION="+version)
	for _, v := range docker.env {
		if strings.HasPrefix(v, "DOCKER_HOST=") {
			cnab.env = append(cnab.env, v)
		}
	}
	run := cnab.with(d.T)
	push := func(file, name string, flags ...string) {
		d.Helper()
		run(append([]string{"push", file, "--target", d.ref(name), "--insecure-registries", d.addr, "--allow-fallbacks=false", "--auto-update-bundle"}, flags...)...)
	}
	pull := func(name string) string {
		d.Helper()
		run("pull", d.ref(name), "--insecure-registries", d.addr)
		return readFile(d.T, filepath.Join(cnab.dir, "pulled.json"))
	}

	installer, web := d.ref("acme/installer:1"), d.ref("acme/web:1")
	crane.run(d.T, "append", "--insecure", "--oci-empty-base", "-f", crane.layer(d.T, "cnab/app/run", "install"), "-t", installer)
	for _, arch := range []string{"amd64", "arm64"} {
		crane.run(d.T, "append", "--insecure", "--oci-empty-base", "-f", crane.layer(d.T, arch, "hello "+arch), "-t", web+"-"+arch)
		crane.run(d.T, "mutate", "--insecure", "--set-platform=linux/"+arch, "-t", web+"-"+arch, web+"-"+arch)
	}
	crane.run(d.T, "index", "append", "--insecure", "-m", web+"-amd64", "-m", web+"-arm64", "-t", web)
	cnab.put(d.T, "thin.json", cnabBundle("thin", installer, web))
	push("thin.json", "bundles/thin:1", "--push-images=false")

	for _, name := range []string{"installer", "web"} {
		docker.run(d.T, "import", docker.layer(d.T, name, "hello from "+name), d.ref("local/"+name+":1"))
	}
	cnab.put(d.T, "thick.json", cnabBundle("thick", d.ref("local/installer:1"), d.ref("local/web:1")))
	push("thick.json", "bundles/thick:1")

	for _, name := range []string{"thick", "thin"} {
		if text := pull("bundles/" + name + ":1"); !strings.Contains(text, `"name":"`+name+`"`) {
			d.Errorf("another bundle was pulled: %s", text)
		}
	}
	push("pulled.json", "elsewhere/copy:1", "--push-images=false")
}
