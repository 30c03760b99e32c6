package clienttest

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/certs/certstest"
)

// secured is a registry with TLS that knows clients by their certificates, on
// an address of the machine that other machines reach: engines believe
// everything of 127.0.0.1.
type secured struct {
	*registry
	ca  *certstest.CA
	dir string // with ca.crt, and client.cert and client.key of ada
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{ca: certstest.New(t, "ca"), dir: t.TempDir()}
	ip := machineAddress(t)
	file := configFile(t, "")
	certificate, key := s.ca.Server(t, ip).Write(t, filepath.Dir(file), "server")
	certstest.Write(t, s.path("ca.crt"), s.ca.PEM())
	ada := s.ca.Client(t, "ada")
	certstest.Write(t, s.path("client.cert"), ada.Chain)
	certstest.Write(t, s.path("client.key"), ada.Key)
	text := strings.Replace(readFile(t, file), "127.0.0.1:0", net.JoinHostPort(ip, "0"), 1)
	writeFile(t, file, text+"tls:\n  certificate: "+certificate+"\n  key: "+key+"\n  client_ca: "+s.path("ca.crt")+
		"\n  client_subjects: cn * user:*\naccess: {rules: \"user:ada owner namespace:acme\"}\n")
	s.registry = startRegistry(t, file)
	return s
}

func (s *secured) path(name string) string { return filepath.Join(s.dir, name) }

// machineAddress is an address of the machine that is no loopback address, if
// it has one.
func machineAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return "127.0.0.1"
}

// TestTLSClients pushes and pulls over TLS with the certificate of a client,
// and is refused without it, or by who does not trust the registry's CA.
func TestTLSClients(t *testing.T) {
	s := startSecured(t)
	ref := s.addr + "/acme/note:1"
	t.Run("oras", func(t *testing.T) {
		oras := newTool(t, "oras")
		writeFile(t, filepath.Join(oras.dir, "note.txt"), "hello")
		flags := []string{"--ca-file", s.path("ca.crt"), "--cert-file", s.path("client.cert"), "--key-file", s.path("client.key")}
		oras.fails(t, "certificate", "push", ref, "note.txt")
		oras.fails(t, "", "push", "--ca-file", s.path("ca.crt"), ref, "note.txt")
		oras.run(t, append(append([]string{"push"}, flags...), ref, "note.txt")...)
		oras.run(t, append(append([]string{"pull"}, flags...), "-o", t.TempDir(), ref)...)
		oras.fails(t, "denied", append(append([]string{"push"}, flags...), s.addr+"/other/note:1", "note.txt")...)
	})
	t.Run("helm", func(t *testing.T) {
		helm := newTool(t, "helm")
		flags := []string{"--ca-file", s.path("ca.crt"), "--cert-file", s.path("client.cert"), "--key-file", s.path("client.key")}
		helm.run(t, append([]string{"push", helm.chart(t, "0.1.0"), "oci://" + s.addr + "/acme/charts"}, flags...)...)
		helm.run(t, append([]string{"pull", "--version=0.1.0", "-d", t.TempDir(), "oci://" + s.addr + "/acme/charts/hello"}, flags...)...)
	})
	t.Run("skopeo", func(t *testing.T) {
		skopeo := newSkopeo(t)
		layout := "oci:" + filepath.Join(skopeo.dir, "layout") + ":1"
		skopeo.run(t, "--insecure-policy", "copy", "--src-cert-dir", s.dir, "docker://"+ref, layout)
		skopeo.run(t, "--insecure-policy", "copy", "--dest-cert-dir", s.dir, layout, "docker://"+s.addr+"/acme/copy:1")
	})
	t.Run("docker", func(t *testing.T) { s.docker(t) })
	t.Run("lading", func(t *testing.T) { s.lading(t, ref) })
	if log := s.log.String(); !strings.Contains(log, "who=user:ada") {
		t.Error("the log does not tell who asked")
	}
}

// lading does so with the flags that name certificates, with a directory such as
// podman's, and in commands of all kinds.
func (s *secured) lading(t *testing.T, ref string) {
	lading := newTool(t, "crane")
	lading.path = binary
	trust := []string{"--ca-file", s.path("ca.crt")}
	flags := append(trust[:2:2], "--cert", s.path("client.cert"), "--key", s.path("client.key"))
	with := func(flags []string, args ...string) []string { return append(args, flags...) }
	lading.fails(t, "the certificate of "+s.addr+" is not trusted", "inspect", ref)
	lading.fails(t, "UNAUTHORIZED", with(trust, "inspect", ref)...)
	lading.run(t, with(flags, "inspect", ref)...)
	lading.run(t, with(flags, "cp", ref, s.addr+"/acme/lading:1")...)
	other := certstest.New(t, "other").Client(t, "ada")
	cert, key := other.Write(t, lading.dir, "other")
	lading.fails(t, s.addr+" does not take the certificate "+cert+" (of CN=ada, signed by CN=other", with(trust, "inspect", ref, "--cert", cert, "--key", key)...)
	own := filepath.Join("containers/certs.d", s.addr)
	lading.put(t, filepath.Join(own, "ca.crt"), readFile(t, s.path("ca.crt")))
	lading.fails(t, "401 Unauthorized", "tag", ref, "2")
	lading.put(t, filepath.Join(own, "client.key"), readFile(t, s.path("client.key")))
	lading.fails(t, filepath.Join(own, "client.key")+": the certificate of this key, client.cert, is missing beside it", "tag", ref, "2")
	lading.put(t, filepath.Join(own, "client.cert"), readFile(t, s.path("client.cert")))
	lading.run(t, "tag", ref, "2")
	if who := lading.run(t, "whoami", s.addr); !strings.Contains(who, "user:ada") || !strings.Contains(who, "cert:") {
		t.Errorf("lading whoami:\n%s", who)
	}
	lading.run(t, "types", "ls", "--registry", s.addr)
	lading.run(t, "import", "--data", t.TempDir(), "--repo", "acme/note", "https://"+s.addr)
	lading.run(t, "conformance", "discovery", "--only", "DISC", "--namespace", "acme/suite", "https://"+s.addr)
}

// docker does so with an engine, which looks for certificates in one directory
// of the machine; only root may write there.
func (s *secured) docker(t *testing.T) {
	docker := startDocker(t)
	ref := s.addr + "/acme/app:1"
	id := docker.run(t, "import", docker.layer(t, "etc/greeting", "hello"), ref)
	t.Cleanup(func() { docker.try("image", "rm", "-f", id) })
	docker.fails(t, "certificate", "push", ref)
	if os.Geteuid() != 0 {
		return
	}
	dir := filepath.Join("/etc/docker/certs.d", s.addr)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, name := range []string{"ca.crt", "client.cert", "client.key"} {
		certstest.Write(t, filepath.Join(dir, name), []byte(readFile(t, s.path(name))))
	}
	docker.run(t, "push", ref)
	lading := newTool(t, "crane")
	lading.path = binary
	lading.run(t, "ls", s.addr+"/acme/app") // what docker has, it has
	docker.run(t, "image", "rm", "-f", id)
	docker.run(t, "pull", ref)
	equal(t, "the image pulled", docker.run(t, "image", "inspect", "-f", "{{.Id}}", ref), id)
}
