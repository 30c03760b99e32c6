// Package imagetest builds the container image and runs it with a real engine.
// The package holds tests alone. `make deps` brings the engine.
package imagetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

const image = "lading:imagetest"

func TestImage(t *testing.T) {
	docker := startEngine(t)
	docker.run(t, "../../scripts/image", image)
	t.Cleanup(func() { docker.try("docker", "image", "rm", "-f", image) })

	t.Run("it is small, and nobody's", func(t *testing.T) {
		var size int
		fmt.Sscan(docker.run(t, "docker", "image", "inspect", "-f", "{{.Size}}", image), &size)
		if size < 5e6 || size > 60e6 {
			t.Errorf("%d bytes", size)
		}
		if user := docker.run(t, "docker", "image", "inspect", "-f", "{{.Config.User}}", image); user != "65532:65532" {
			t.Errorf("user %q", user)
		}
	})
	t.Run("it refuses strangers", func(t *testing.T) {
		out, err := docker.try("docker", "run", "--rm", "--network", "host", image)
		if err == nil || !strings.Contains(out, "--insecure-no-auth") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("it serves and keeps", func(t *testing.T) { testServes(t, docker) })
}

// testServes pushes to a container that may do nothing, and pulls from the next
// one with the same volume.
func testServes(t *testing.T, docker engine) {
	addr := freeAddr(t)
	const blob = "/v2/acme/web/blobs/sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	volume := docker.run(t, "docker", "volume", "create")
	t.Cleanup(func() { docker.try("docker", "volume", "rm", "-f", volume) })
	serve := func() (container string) {
		container = docker.run(t, "docker", "run", "-d", "--network", "host", "--read-only", "--cap-drop", "ALL",
			"--security-opt", "no-new-privileges", "-v", volume+":/data", image, "serve", "--listen", addr, "--data", "/data")
		t.Cleanup(func() { docker.try("docker", "rm", "-f", container) })
		waitFor(t, "the container", func() bool { return status(http.MethodGet, "http://"+addr+"/v2/", "") == 200 })
		return container
	}
	first := serve()
	if got := status(http.MethodPost, "http://"+addr+"/v2/acme/web/blobs/uploads/?digest="+blob[len("/v2/acme/web/blobs/"):], "hello"); got != 201 {
		t.Errorf("push: %d", got)
	}
	if top := docker.run(t, "docker", "top", first, "-o", "pid,uid,args"); !regexp.MustCompile(`\n\d+ +65532 +/lading serve`).MatchString(top) {
		t.Errorf("who runs it?\n%s", top)
	}
	docker.run(t, "docker", "stop", first)
	if code := docker.run(t, "docker", "inspect", "-f", "{{.State.ExitCode}}", first); code != "0" {
		t.Errorf("exit code %s", code)
	}
	serve()
	if got := status(http.MethodGet, "http://"+addr+blob, ""); got != 200 {
		t.Errorf("pull from the next container: %d", got)
	}
}

func status(method, url, body string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// freeAddr is an address that nobody uses just now.
func freeAddr(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// engine runs commands against a docker engine.
type engine struct{ env []string }

func (e engine) try(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = e.env
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String() + errOut.String(), err
	}
	return strings.TrimSpace(out.String()), nil
}

// run is try of what must go well; it returns standard output.
func (e engine) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := e.try(name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func waitFor(t *testing.T, what string, ready func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ready(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready after 30 seconds", what)
		}
	}
}

// startEngine returns an engine: as root one of the test's own, with nothing
// of the machine's (no bridge, no firewall rule, no overlay); otherwise the one
// that the user has at hand.
func startEngine(t *testing.T) engine {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Fatal("docker is missing: run `make deps`")
	}
	own := engine{append(os.Environ(), "DOCKER_CONFIG="+t.TempDir())}
	if os.Geteuid() != 0 {
		own.run(t, "docker", "version")
		return own
	}
	dir, err := os.MkdirTemp("", "lading-image-") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/config", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command("dockerd", "--config-file", dir+"/config", "--host", "unix://"+dir+"/sock", "--data-root", dir+"/data",
		"--exec-root", dir+"/exec", "--pidfile", dir+"/pid", "--storage-driver", "vfs", "--iptables=false", "--ip6tables=false",
		"--bridge", "none", "--log-level", "error")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run `make deps`", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		force := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // the engine's own end is not what is tested
		force.Stop()
		if t.Failed() {
			t.Logf("the engine's log:\n%s", &log)
		}
		// The engine leaves the network of the last container mounted.
		_, _ = own.try("umount", "-l", dir+"/exec/netns/default")
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	own.env = append(own.env, "DOCKER_HOST=unix://"+dir+"/sock")
	waitFor(t, "the docker engine", func() bool { _, err := own.try("docker", "version"); return err == nil })
	return own
}
