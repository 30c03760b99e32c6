package clienttest

import (
	"slices"
	"strings"
	"testing"
)

// containers is podman, which takes one registry without TLS.
func containers(t *testing.T, addr string) tool {
	t.Helper()
	podman := newTool(t, "podman").isolated(t)
	podman.env = append(podman.env, "REGISTRY_AUTH_FILE="+podman.put(t, "auth.json", "{}"), "CONTAINERS_REGISTRIES_CONF="+podman.put(t, "registries.conf", "[[registry]]\nlocation = \""+addr+"\"\ninsecure = true\n"))
	return podman
}

// TestPublic pulls what everyone may read without signing in, with each client,
// although there are users; the rest is asked a password for.
func TestPublic(t *testing.T) {
	docker, ctr := startDocker(t), newTool(t, "ctr")
	ctr.env = append(ctr.env, "CONTAINERD_ADDRESS="+runContainerd(t))
	eachFile(t, func(t *testing.T, file string) {
		r := startRegistry(t, withUsers(t, file))
		public, private := r.addr+"/public/app:1", r.addr+"/acme/app:1"
		regctl := newRegctl(t, r.addr)
		regctl.run(t, "registry", "login", "-u", "ada", "-p", adasPassword, r.addr)
		regctl.image(t, public, "amd64")
		regctl.run(t, "image", "copy", public, private)
		helm := newTool(t, "helm")
		helm.run(t, "registry", "login", "--plain-http", "-u", "ada", "-p", adasPassword, r.addr)
		helm.run(t, "push", "--plain-http", helm.chart(t, "0.1.0"), "oci://"+r.addr+"/public/charts")
		helm.run(t, "registry", "logout", r.addr)
		pulls := map[string]func(ref string) (tool, []string){
			"docker": func(ref string) (tool, []string) { return docker, []string{"pull", ref} },
			"podman": func(ref string) (tool, []string) { return containers(t, r.addr), []string{"pull", ref} },
			"skopeo": func(ref string) (tool, []string) {
				return newTool(t, "skopeo"), []string{"inspect", "--tls-verify=false", "docker://" + ref}
			},
			"ctr": func(ref string) (tool, []string) {
				return ctr, []string{"images", "pull", "--plain-http", "--snapshotter=native", ref}
			},
			"crane":  func(ref string) (tool, []string) { return newTool(t, "crane"), []string{"digest", "--insecure", ref} },
			"regctl": func(ref string) (tool, []string) { return newRegctl(t, r.addr), []string{"image", "digest", ref} },
			"oras": func(ref string) (tool, []string) {
				return newTool(t, "oras"), []string{"pull", "--plain-http", ref}
			},
			"cosign": func(ref string) (tool, []string) {
				return newTool(t, "cosign"), []string{"triangulate", "--allow-http-registry", ref}
			},
		}
		for name, of := range pulls {
			driven(t, name, func(t *testing.T) {
				c, args := of(public)
				c.run(t, args...)
				c, args = of(private)
				c.fails(t, "", args...)
			})
		}
		helm.run(t, "pull", "--plain-http", "--version=0.1.0", "-d", t.TempDir(), "oci://"+r.addr+"/public/charts/hello")
	})
}

// inTests tells whether a client is driven now: those that not every machine
// has are named, as for TestClients.
func inTests(name string) bool {
	i := slices.IndexFunc(clients, func(c client) bool { return c.name == name })
	return i < 0 || clients[i].ci || clients[i].asked()
}

// TestMoreSignIn signs in with podman, ctr and cosign, which others do not
// stand for, and pushes and pulls.
func TestMoreSignIn(t *testing.T) {
	ctr := newTool(t, "ctr")
	ctr.env = append(ctr.env, "CONTAINERD_ADDRESS="+runContainerd(t))
	eachFile(t, func(t *testing.T, file string) {
		addr := startRegistry(t, withUsers(t, file)).addr
		regctl := newRegctl(t, addr)
		regctl.run(t, "registry", "login", "-u", "ada", "-p", adasPassword, addr)
		regctl.image(t, addr+"/acme/app:1", "amd64")
		driven(t, "podman", func(t *testing.T) {
			podman := containers(t, addr)
			podman.fails(t, "", "login", "--tls-verify=false", "-u", "ada", "-p", "wrong", addr)
			podman.run(t, "login", "--tls-verify=false", "-u", "ada", "-p", adasPassword, addr)
			podman.run(t, "pull", addr+"/acme/app:1")
			podman.run(t, "push", addr+"/acme/app:1", addr+"/acme/podman:1")
			podman.run(t, "logout", addr)
			podman.fails(t, "", "pull", addr+"/acme/podman:1")
		})
		t.Run("ctr", func(t *testing.T) {
			flags := []string{"--plain-http", "--user", "ada:" + adasPassword}
			ctr.run(t, append(append([]string{"images", "pull", "--snapshotter=native"}, flags...), addr+"/acme/app:1")...)
			ctr.run(t, "images", "tag", "--force", addr+"/acme/app:1", addr+"/acme/ctr:1")
			ctr.run(t, append(append([]string{"images", "push"}, flags...), addr+"/acme/ctr:1")...)
			ctr.fails(t, "", "images", "push", "--plain-http", addr+"/acme/ctr:1")
		})
		driven(t, "cosign", func(t *testing.T) {
			cosign := newTool(t, "cosign")
			cosign.env = append(cosign.env, "COSIGN_PASSWORD=")
			cosign.run(t, "login", addr, "-u", "ada", "-p", adasPassword)
			cosign.run(t, "generate-key-pair")
			digest := regctl.run(t, "image", "digest", addr+"/acme/app:1")
			cosign.run(t, "sign", "--allow-http-registry", "--key=cosign.key", "--tlog-upload=false", "--yes", addr+"/acme/app@"+digest)
			cosign.run(t, "verify", "--allow-http-registry", "--key=cosign.pub", "--insecure-ignore-tlog", addr+"/acme/app@"+digest)
			if tags := regctl.run(t, "tag", "ls", addr+"/acme/app"); !strings.Contains(tags, ".sig") {
				t.Error("there is no signature:", tags)
			}
		})
	})
}

// driven runs a test of a client if it is to be driven.
func driven(t *testing.T, name string, fn func(*testing.T)) {
	if inTests(name) {
		t.Run(name, fn)
	}
}
