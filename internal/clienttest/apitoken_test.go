package clienttest

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAPIToken: an account's API token is the password of every client.
func TestAPIToken(t *testing.T) {
	docker := startDocker(t)
	eachFile(t, func(t *testing.T, file string) {
		r := startAccounts(t, file)
		ref := func(name string) string { return r.addr + "/acme/" + name + ":1" }
		token := r.token
		var podman tool
		if inTests("podman") {
			podman = containers(t, r.addr)
		}

		regctl := newRegctl(t, r.addr)
		regctl.run(t, "registry", "login", "-u", "robot", "-p", token, r.addr)
		regctl.image(t, ref("app"), "amd64")
		docker.run(t, "login", "-u", "robot", "-p", token, r.addr)
		docker.run(t, "pull", ref("app"))
		docker.run(t, "tag", ref("app"), ref("docker"))
		docker.run(t, "push", ref("docker"))
		docker.run(t, "logout", r.addr)
		driven(t, "podman", func(t *testing.T) {
			podman.run(t, "login", "--tls-verify=false", "-u", "robot", "-p", token, r.addr)
			podman.run(t, "pull", ref("app"))
			podman.run(t, "push", ref("app"), ref("podman"))
		})
		skopeo := newSkopeo(t)
		skopeo.run(t, "login", "--tls-verify=false", "-u", "robot", "-p", token, r.addr)
		skopeo.copy(t, "docker://"+ref("app"), "docker://"+ref("skopeo"))
		oras := newTool(t, "oras")
		writeFile(t, filepath.Join(oras.dir, "note.txt"), "hello")
		oras.run(t, "login", "--plain-http", "-u", "robot", "-p", token, r.addr)
		oras.run(t, "push", "--plain-http", ref("note"), "note.txt")
		oras.run(t, "pull", "--plain-http", ref("note"))
		crane := newTool(t, "crane")
		crane.run(t, "auth", "login", "--insecure", "-u", "robot", "-p", token, r.addr)
		crane.run(t, "copy", "--insecure", ref("app"), ref("crane"))
		helm := newTool(t, "helm")
		helm.run(t, "registry", "login", "--plain-http", "-u", "robot", "-p", token, r.addr)
		helm.run(t, "push", "--plain-http", helm.chart(t, "0.1.0"), "oci://"+r.addr+"/acme/charts")
		helm.run(t, "pull", "--plain-http", "--version=0.1.0", "-d", t.TempDir(), "oci://"+r.addr+"/acme/charts/hello")

		listed := r.lading.run(t, "token", "ls")
		if soon := time.Now().AddDate(0, 0, 85).Format("2006-01"); !strings.Contains(listed, soon) && !strings.Contains(listed, time.Now().AddDate(0, 0, 91).Format("2006-01")) {
			t.Errorf("the token should be good for 90 days: %s", listed)
		}
		r.lading.run(t, "token", "rm", r.id)
		driven(t, "podman", func(t *testing.T) { podman.fails(t, "the API token is not valid", "pull", ref("app")) })
		regctl.fails(t, "unauthorized", "image", "digest", ref("app"))
		docker.fails(t, "the API token is not valid", "login", "-u", "robot", "-p", token, r.addr)
		skopeo.fails(t, "the API token is not valid", "inspect", "--tls-verify=false", "docker://"+ref("app"))
		crane.fails(t, "the API token is not valid", "digest", "--insecure", ref("app"))
		oras.fails(t, "the API token is not valid", "pull", "--plain-http", ref("note"))
		helm.fails(t, "unauthorized", "pull", "--plain-http", "--version=0.1.0", "-d", t.TempDir(), "oci://"+r.addr+"/acme/charts/hello")
		r.keepsSecrets(t)
	})
}
