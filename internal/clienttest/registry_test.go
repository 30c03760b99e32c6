package clienttest

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// registry is a running lading.
type registry struct {
	addr string // host:port
	cmd  *exec.Cmd
	log  *bytes.Buffer
	dead bool
}

// eachCatalog runs fn as a subtest against a fresh registry on each catalog.
func eachCatalog(t *testing.T, fn func(t *testing.T, addr string)) {
	eachFile(t, func(t *testing.T, file string) { fn(t, startRegistry(t, file).addr) })
}

// eachFile runs fn as a subtest with the configuration of a fresh registry on
// each catalog.
func eachFile(t *testing.T, fn func(t *testing.T, file string)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, configFile(t, "")) })
	t.Run("postgres", func(t *testing.T) { fn(t, configFile(t, sqldbtest.Postgres(t))) })
}

// configFile writes a configuration with a data directory of its own.
func configFile(t *testing.T, catalogURL string) string {
	dir := t.TempDir()
	file := filepath.Join(dir, "lading.yaml")
	writeFile(t, file, "listen: 127.0.0.1:0\ndata: "+filepath.Join(dir, "data")+"\ncatalog: {url: \""+catalogURL+"\"}\n")
	return file
}

// startRegistry starts the binary on a free port and stops it when the test
// ends, which must go well.
func startRegistry(t *testing.T, file string) *registry {
	t.Helper()
	r := &registry{cmd: exec.Command(binary, "serve", "--config", file), log: new(bytes.Buffer)}
	r.cmd.Stderr = r.log
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.stop(t) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, rest, found := strings.Cut(line, "://")
	if err != nil || !found {
		t.Fatalf("no address in the first line %q: %v", line, err)
	}
	r.addr, _, _ = strings.Cut(rest, " ")
	return r
}

// stop ends the registry in good order.
func (r *registry) stop(t *testing.T) {
	if r.dead {
		return
	}
	r.dead = true
	r.cmd.Process.Signal(syscall.SIGTERM)
	force := time.AfterFunc(30*time.Second, func() { r.cmd.Process.Kill() })
	defer force.Stop()
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("lading serve: %v", err)
	}
	if t.Failed() {
		t.Logf("the registry's log:\n%s", r.log)
	}
}

// kill ends the registry at once, as a crash would.
func (r *registry) kill() {
	r.dead = true
	r.cmd.Process.Kill()
	r.cmd.Wait()
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
