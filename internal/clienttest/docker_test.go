package clienttest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDockerPushAndPull(t *testing.T) {
	docker := startDocker(t)
	eachCatalog(t, func(t *testing.T, addr string) {
		crane := newTool(t, "crane")
		ref, other := addr+"/acme/app:1", addr+"/acme/other:1"
		id := docker.run(t, "import", docker.layer(t, "etc/greeting", "hello from docker in "+t.Name()), ref)
		t.Cleanup(func() { docker.try("image", "rm", "-f", id) })
		docker.run(t, "push", ref)

		docker.run(t, "tag", ref, other)
		if out := docker.run(t, "push", other); !strings.Contains(out, "Mounted from acme/app") {
			t.Errorf("the second push moved the layer again:\n%s", out)
		}
		dgst := crane.run(t, "digest", "--insecure", ref)
		equal(t, "the digest in the other repository", crane.run(t, "digest", "--insecure", other), dgst)

		docker.run(t, "image", "rm", "-f", id)
		docker.fails(t, "No such image", "image", "inspect", ref)
		docker.run(t, "pull", ref)
		equal(t, "the image pulled", docker.run(t, "image", "inspect", "-f", "{{.Id}}", ref), id)
		equal(t, "its digest", docker.run(t, "image", "inspect", "-f", "{{index .RepoDigests 0}}", ref), addr+"/acme/app@"+dgst)
		equal(t, "its file", docker.fileIn(t, ref, "/etc/greeting"), "hello from docker in "+t.Name())
		docker.fails(t, "not found", "pull", addr+"/acme/app:none")
	})
}

// fileIn returns the content of a file in an image. No container is run.
func (c tool) fileIn(t *testing.T, image, path string) string {
	t.Helper()
	container := c.run(t, "create", image, "never-run")
	defer c.run(t, "rm", container)
	c.run(t, "cp", container+":"+path, "copied")
	return readFile(t, filepath.Join(c.dir, "copied"))
}

// startDocker returns a docker client with an engine. As root the engine is
// the test's own, with everything in a temporary directory and these flags on
// top; otherwise it is the one that the user has at hand.
func startDocker(t *testing.T, flags ...string) tool {
	t.Helper()
	if os.Geteuid() != 0 {
		docker := newTool(t, "docker")
		if out, stderr, err := docker.try("version"); err != nil {
			t.Fatalf("without root a running docker engine is needed: %v\n%s%s", err, out, stderr)
		}
		return docker
	}
	engine := newTool(t, "dockerd")
	docker := newTool(t, "docker")
	// The client that came with the engine, where there are several.
	if beside := filepath.Join(filepath.Dir(engine.path), "docker"); exists(beside) {
		docker.path = beside
	}
	socket := runEngine(t, engine, flags...)
	docker.env = append(docker.env, "DOCKER_HOST=unix://"+socket)
	waitFor(t, "the docker engine", func() bool { _, _, err := docker.try("version"); return err == nil })
	return docker
}

// runEngine starts dockerd with nothing of the machine's: no bridge, no
// firewall rule, no overlay.
func runEngine(t *testing.T, engine tool, flags ...string) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lading-docker-") // short: a socket's path has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	writeFile(t, at("config"), "{}")
	cmd := exec.Command(engine.path, append(flags, "--config-file", at("config"), "--host", "unix://"+at("sock"),
		"--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid"), "--storage-driver", "vfs",
		"--iptables=false", "--ip6tables=false", "--bridge", "none", "--log-level", "error")...)
	cmd.Env = engine.env
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			cmd.Process.Kill()
			t.Errorf("the docker engine did not stop: %v", <-ended)
		}
		if t.Failed() {
			t.Logf("the engine's log:\n%s", &log)
		}
		os.RemoveAll(dir)
	})
	return at("sock")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// waitFor polls for something another process does.
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
