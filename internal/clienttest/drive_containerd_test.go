package clienttest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func driveContainerd(d *drive) {
	ctr := d.tool("ctr")
	socket := runContainerd(d.T)
	ctr.env = append(ctr.env, "CONTAINERD_ADDRESS="+socket)
	regctl := newRegctl(d.T, d.addr)
	regctl.multiArch(d.T, d.addr)
	saved := filepath.Join(ctr.dir, "saved.tar")
	regctl.run(d.T, "image", "export", "--name", d.ref("acme/pushed:1"), d.ref("acme/one:all"), saved)

	ctr.run(d.T, "images", "import", "--all-platforms", "--no-unpack", saved)
	ctr.run(d.T, "images", "push", "--plain-http", d.ref("acme/pushed:1"))
	ctr.run(d.T, "images", "rm", "--sync", d.ref("acme/pushed:1"))
	ctr.run(d.T, "images", "pull", "--plain-http", "--all-platforms", "--snapshotter=native", d.ref("acme/pushed:1"))
	want := regctl.run(d.T, "image", "digest", d.ref("acme/pushed:1"))
	if list := ctr.run(d.T, "images", "ls", "name=="+d.ref("acme/pushed:1")); !strings.Contains(list, want) {
		d.Errorf("the image pulled is not %s:\n%s", want, list)
	}

	// The same registry as the mirror of one that is not there.
	mirror := newAskedProxy(d.T, d.addr)
	ctr.put(d.T, "certs.d/upstream.example.com/hosts.toml", "server = \"http://127.0.0.1:1\"\n[host.\"http://"+mirror.addr+"\"]\ncapabilities = [\"pull\", \"resolve\"]\n")
	ctr.run(d.T, "images", "pull", "--hosts-dir", filepath.Join(ctr.dir, "certs.d"), "--all-platforms", "--snapshotter=native", "upstream.example.com/acme/pushed:1")
	if list := ctr.run(d.T, "images", "ls", "name==upstream.example.com/acme/pushed:1"); !strings.Contains(list, want) {
		d.Errorf("the image pulled through the mirror is not %s:\n%s", want, list)
	}
	if asked := mirror.queries(); !strings.Contains(asked, "/v2/acme/pushed/manifests/1?ns=upstream.example.com") {
		d.Errorf("the mirror was not asked for the name space:\n%s", asked)
	}
}

const containerdConfig = `version = 2
root = "DIR/root"
state = "DIR/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "DIR/sock"
[ttrpc]
address = "DIR/ttrpc"
`

// runContainerd starts an engine with nothing of the machine's.
func runContainerd(t *testing.T) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lading-ctr-") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	engine, config := newTool(t, "containerd"), filepath.Join(dir, "config.toml")
	writeFile(t, config, strings.ReplaceAll(containerdConfig, "DIR", dir))
	cmd := exec.Command(engine.path, "--config", config, "--log-level=warn")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		force := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		force.Stop()
		if t.Failed() {
			t.Logf("containerd's log:\n%s", &log)
		}
		os.RemoveAll(dir)
	})
	socket = filepath.Join(dir, "sock")
	ctr := newTool(t, "ctr")
	waitFor(t, "containerd", func() bool { _, _, err := ctr.try("--address", socket, "version"); return err == nil })
	return socket
}

// askedProxy forwards to a registry and remembers what it was asked.
type askedProxy struct {
	addr string
	mu   sync.Mutex
	urls []string
}

func newAskedProxy(t *testing.T, addr string) *askedProxy {
	t.Helper()
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	p := new(askedProxy)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.urls = append(p.urls, r.Method+" "+r.URL.String())
		p.mu.Unlock()
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	p.addr = strings.TrimPrefix(srv.URL, "http://")
	return p
}

func (p *askedProxy) queries() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.urls, "\n")
}
