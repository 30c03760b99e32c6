package clienttest

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

const (
	adasPassword = "lovelace: 1815 ä"
	bobsPassword = "builder"
)

// withUsers adds ada, who may do everything below acme, bob, who may read
// there, and everyone, who may read below public, to a configuration.
func withUsers(t *testing.T, file string) string {
	t.Helper()
	users := filepath.Join(filepath.Dir(file), "users")
	text := ""
	for name, password := range map[string]string{"ada": adasPassword, "bob": bobsPassword} {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
		if err != nil {
			t.Fatal(err)
		}
		text += name + ":" + string(hash) + "\n"
	}
	writeFile(t, users, text)
	writeFile(t, file, readFile(t, file)+"auth: {htpasswd: "+users+"}\naccess:\n  rules: |\n    user:ada owner namespace:acme\n    user:bob reader namespace:acme\n    anonymous pull prefix:public/\n    user:ada owner prefix:public/\n")
	return file
}

// TestSignIn signs in with a password, pushes, pulls, is refused and signs out,
// with each client.
func TestSignIn(t *testing.T) {
	eachFile(t, func(t *testing.T, file string) {
		r := startRegistry(t, withUsers(t, file))
		addr := r.addr
		ref := addr + "/acme/web:1"

		t.Run("oras", func(t *testing.T) {
			oras := newTool(t, "oras")
			note := filepath.Join(oras.dir, "note.txt")
			writeFile(t, note, "hello")
			oras.fails(t, "401: Unauthorized", "push", "--plain-http", ref, "note.txt")
			oras.fails(t, "unauthorized", "login", "--plain-http", "-u", "ada", "-p", "wrong", addr)
			oras.run(t, "login", "--plain-http", "-u", "ada", "-p", adasPassword, addr)
			oras.run(t, "push", "--plain-http", ref, "note.txt")
			oras.run(t, "push", "--plain-http", addr+"/public/note:1", "note.txt")
			oras.fails(t, "denied", "push", "--plain-http", addr+"/other/web:1", "note.txt")
			equal(t, "the repositories", oras.run(t, "repo", "ls", "--plain-http", addr), "acme/web\npublic/note")
			oras.run(t, "logout", addr)
			oras.run(t, "manifest", "fetch", "--plain-http", addr+"/public/note:1")
			oras.fails(t, "unauthorized", "manifest", "fetch", "--plain-http", ref)
			oras.run(t, "login", "--plain-http", "-u", "bob", "-p", bobsPassword, addr)
			oras.run(t, "pull", "--plain-http", "-o", t.TempDir(), ref)
			oras.fails(t, "denied", "push", "--plain-http", ref, "note.txt")
			oras.fails(t, "not found", "manifest", "fetch", "--plain-http", addr+"/other/web:1")
		})
		t.Run("helm", func(t *testing.T) {
			helm := newTool(t, "helm")
			chart := helm.chart(t, "0.1.0")
			helm.run(t, "registry", "login", "--plain-http", "-u", "ada", "-p", adasPassword, addr)
			helm.run(t, "push", "--plain-http", chart, "oci://"+addr+"/acme/charts")
			helm.run(t, "pull", "--plain-http", "--version=0.1.0", "-d", t.TempDir(), "oci://"+addr+"/acme/charts/hello")
			helm.run(t, "registry", "logout", addr)
			helm.fails(t, "", "pull", "--plain-http", "--version=0.1.0", "-d", t.TempDir(), "oci://"+addr+"/acme/charts/hello")
		})
		t.Run("crane", func(t *testing.T) {
			crane := newTool(t, "crane")
			crane.fails(t, "UNAUTHORIZED", "manifest", "--insecure", ref)
			crane.run(t, "manifest", "--insecure", addr+"/public/note:1")
			crane.run(t, "auth", "login", "--insecure", "-u", "ada", "-p", adasPassword, addr)
			crane.run(t, "append", "--insecure", "--oci-empty-base", "-f", crane.layer(t, "a.txt", "a"), "-t", addr+"/acme/crane:1")
			crane.run(t, "digest", "--insecure", addr+"/acme/crane:1")
			if out := crane.run(t, "catalog", "--insecure", addr); !strings.Contains(out, "acme/crane") {
				t.Error(out)
			}
		})
		t.Run("skopeo", func(t *testing.T) {
			skopeo := newSkopeo(t)
			skopeo.run(t, "login", "--tls-verify=false", "-u", "ada", "-p", adasPassword, addr)
			skopeo.copy(t, "docker://"+addr+"/acme/crane:1", "docker://"+addr+"/acme/skopeo:1")
			equal(t, "the tags", skopeo.tags(t, addr+"/acme/skopeo"), "1")
		})
		t.Run("regctl", func(t *testing.T) {
			regctl := newRegctl(t, addr)
			regctl.run(t, "manifest", "get", addr+"/public/note:1")
			regctl.run(t, "registry", "login", "-u", "ada", "-p", adasPassword, addr)
			regctl.run(t, "image", "copy", addr+"/acme/crane:1", addr+"/acme/regctl:1")
			equal(t, "the tags", regctl.run(t, "tag", "ls", addr+"/acme/regctl"), "1")
		})
		t.Run("lading", func(t *testing.T) {
			crane := newTool(t, "crane")
			lading := crane
			lading.path = binary
			lading.fails(t, "", "ls", addr+"/acme/web")
			crane.run(t, "auth", "login", "--insecure", "-u", "bob", "-p", bobsPassword, addr)
			if out := lading.run(t, "ls", addr); !strings.Contains(out, "acme/web") {
				t.Error(out)
			}
		})
		for _, secret := range []string{adasPassword, bobsPassword, "$2a$", "Basic ", "Bearer ", "eyJ", "lading_rt_"} {
			if strings.Contains(r.log.String(), secret) {
				t.Errorf("the registry's log holds %q", secret)
			}
		}
		if !strings.Contains(r.log.String(), "who=user:ada") {
			t.Error("the log does not tell who asked")
		}
	})
}

// TestDockerSignsIn does so with docker, whose engine asks GET /v2/ first.
func TestDockerSignsIn(t *testing.T) {
	docker := startDocker(t)
	eachFile(t, func(t *testing.T, file string) {
		addr := startRegistry(t, withUsers(t, file)).addr
		ref := addr + "/acme/app:1"
		id := docker.run(t, "import", docker.layer(t, "etc/greeting", "hello "+t.Name()), ref)
		t.Cleanup(func() { docker.try("image", "rm", "-f", id) })
		docker.fails(t, "unauthorized", "push", ref)
		docker.fails(t, "unauthorized", "login", "-u", "ada", "-p", "wrong", addr)
		docker.run(t, "login", "-u", "ada", "-p", adasPassword, addr)
		docker.run(t, "push", ref)
		docker.run(t, "image", "rm", "-f", id)
		docker.run(t, "pull", ref)
		docker.run(t, "tag", ref, addr+"/other/app:1")
		docker.fails(t, "denied", "push", addr+"/other/app:1")
		docker.run(t, "logout", addr)
		docker.fails(t, "unauthorized", "pull", ref)
	})
}
