package clienttest

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// accounts is a registry with accounts and its first one, which made itself an
// API token.
type accounts struct {
	*registry
	lading    tool // signed in as user:admin
	token, id string
}

func startAccounts(t *testing.T, file string) *accounts {
	t.Helper()
	data := filepath.Join(filepath.Dir(file), "data")
	if err := os.MkdirAll(data, 0o750); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(data, "initial-admin-password"), adasPassword)
	writeFile(t, file, readFile(t, file)+"auth: {accounts: true}\naccess: {rules: \"user:admin owner,admin registry\"}\n")
	a := &accounts{registry: startRegistry(t, file), lading: newTool(t, "crane")}
	a.lading.run(t, "auth", "login", "--insecure", "-u", "admin", "-p", adasPassword, a.addr)
	a.lading.path = binary
	a.lading.env = append(a.lading.env, "LADING_REGISTRY="+a.addr)
	made := parse[struct{ ID, Token string }](t, a.lading.run(t, "token", "create", "--description", "clients", "-o", "json"))
	if a.id, a.token = made.ID, made.Token; !strings.HasPrefix(a.token, "lading_pat_") {
		t.Fatalf("there is no token in %+v", made)
	}
	return a
}

// way is how a client is told what to sign in with.
type way struct {
	name  string
	flags []string
}

// TestTokensOfContainerd: an API token is taken in all ways in which containerd
// takes what to sign in with, and refused in each once it is revoked.
func TestTokensOfContainerd(t *testing.T) {
	ctr := newTool(t, "ctr")
	ctr.env = append(ctr.env, "CONTAINERD_ADDRESS="+runContainerd(t))
	eachFile(t, func(t *testing.T, file string) {
		a := startAccounts(t, file)
		app := a.addr + "/acme/app:1"
		regctl := newRegctl(t, a.addr)
		regctl.run(t, "registry", "login", "-u", "admin", "-p", adasPassword, a.addr)
		regctl.image(t, app, "amd64")
		want := regctl.run(t, "image", "digest", app)
		// Where there is no --user, as for those who only have containerd, a
		// header does it.
		header := func(name, header string) way {
			host := "http://" + a.addr
			ctr.put(t, name+"/"+a.addr+"/hosts.toml", "server = \""+host+"\"\n[host.\""+host+"\"]\ncapabilities = [\"pull\", \"resolve\", \"push\"]\n[host.\""+host+"\".header]\nAuthorization = \""+header+"\"\n")
			return way{name, []string{"--hosts-dir", filepath.Join(ctr.dir, name)}}
		}
		byToken := []way{
			{"user", []string{"--plain-http", "--user", "robot:" + a.token}},
			{"refresh", []string{"--plain-http", "--refresh", a.token}},
			header("basic", "Basic "+base64.StdEncoding.EncodeToString([]byte("robot:"+a.token))),
			header("bearer", "Bearer "+a.token),
		}
		password := way{"password", []string{"--plain-http", "--user", "admin:" + adasPassword}}
		images := func(of way, command, ref string) []string {
			args := append([]string{"images", command}, of.flags...)
			if command == "pull" {
				args = append(args, "--snapshotter=native")
			}
			return append(args, ref)
		}
		for _, of := range append(byToken, password) {
			t.Run(of.name, func(t *testing.T) {
				own := a.addr + "/acme/" + of.name + ":1"
				ctr.run(t, images(of, "pull", app)...)
				ctr.run(t, "images", "tag", app, own)
				ctr.fails(t, "", "images", "push", "--plain-http", own)
				ctr.run(t, images(of, "push", own)...)
				equal(t, "the image pushed", regctl.run(t, "image", "digest", own), want)
				ctr.run(t, "images", "rm", "--sync", app, own) // with what nothing else uses
			})
		}
		ctr.run(t, images(password, "pull", app)...)
		a.lading.run(t, "token", "rm", a.id)
		for _, of := range byToken {
			t.Run(of.name+" revoked", func(t *testing.T) {
				refused := "401 Unauthorized"
				if strings.HasPrefix(of.flags[0], "--hosts-dir") {
					refused = "authorization failed"
				}
				ctr.fails(t, refused, images(of, "pull", app)...)
				ctr.fails(t, refused, images(of, "push", app)...)
			})
		}
		ctr.run(t, images(password, "push", app)...)
		ctr.run(t, "images", "rm", "--sync", app)
		a.keepsSecrets(t)
	})
}

// TestTokensOfCosign: cosign signs, verifies and shows what it has signed, by a
// token in all ways in which it takes one, and by a password.
func TestTokensOfCosign(t *testing.T) {
	if !inTests("cosign") {
		return // what follows needs it
	}
	eachFile(t, func(t *testing.T, file string) {
		a := startAccounts(t, file)
		login := func(user, password string) func(t *testing.T, c tool) {
			return func(t *testing.T, c tool) { c.run(t, "login", a.addr, "-u", user, "-p", password) }
		}
		none := func(*testing.T, tool) {}
		ways := []struct {
			way
			begin  func(t *testing.T, c tool)
			cosign tool
		}{
			{way{"login", nil}, login("robot", a.token), newTool(t, "cosign")},
			{way{"user", []string{"--registry-username=robot", "--registry-password=" + a.token}}, none, newTool(t, "cosign")},
			{way{"bearer", []string{"--registry-token=" + a.token}}, none, newTool(t, "cosign")},
			{way{"password", nil}, login("admin", adasPassword), newTool(t, "cosign")},
		}
		do := func(of way, command, ref string) []string {
			args := append([]string{command, "--allow-http-registry"}, of.flags...)
			switch command {
			case "sign":
				args = append(args, "--key=cosign.key", "--tlog-upload=false", "--yes")
			case "verify":
				args = append(args, "--key=cosign.pub", "--insecure-ignore-tlog")
			}
			return append(args, ref)
		}
		crane := newTool(t, "crane")
		crane.run(t, "auth", "login", "--insecure", "-u", "admin", "-p", adasPassword, a.addr)
		image := func(name string) string {
			return crane.run(t, "append", "--insecure", "--oci-empty-base", "-f", crane.layer(t, "greeting", "hello "+name), "-t", a.addr+"/acme/"+name+":1")
		}
		for _, of := range ways {
			t.Run(of.name, func(t *testing.T) {
				cosign := of.cosign
				cosign.env = append(cosign.env, "COSIGN_PASSWORD=")
				cosign.run(t, "generate-key-pair")
				ref := image(of.name)
				cosign.fails(t, "UNAUTHORIZED", do(way{}, "sign", ref)...)
				of.begin(t, cosign)
				cosign.fails(t, "no signatures found", do(of.way, "verify", ref)...)
				cosign.run(t, do(of.way, "sign", ref)...)
				cosign.run(t, do(of.way, "verify", ref)...)
				if tree := cosign.run(t, do(of.way, "tree", ref)...); !strings.Contains(tree, "Signatures") {
					t.Errorf("cosign tree:\n%s", tree)
				}
			})
		}
		a.lading.run(t, "token", "rm", a.id)
		for _, of := range ways {
			cosign, ref := of.cosign, a.addr+"/acme/"+of.name+":1"
			cosign.env = append(cosign.env, "COSIGN_PASSWORD=")
			if of.name == "password" {
				cosign.run(t, do(of.way, "verify", ref)...)
				continue
			}
			for _, command := range []string{"sign", "verify", "tree"} {
				cosign.fails(t, "UNAUTHORIZED: the API token is not valid: it is mistyped, revoked or has expired", do(of.way, command, ref)...)
			}
		}
		a.keepsSecrets(t)
	})
}

// keepsSecrets holds that the registry's log has none.
func (a *accounts) keepsSecrets(t *testing.T) {
	t.Helper()
	for _, secret := range []string{a.token, adasPassword, "eyJ", "lading_rt_"} {
		if strings.Contains(a.log.String(), secret) {
			t.Errorf("the registry's log holds %q", secret)
		}
	}
}
