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

// eachCatalog runs fn as a subtest against a fresh registry on each catalog.
// addr is its host:port.
func eachCatalog(t *testing.T, fn func(t *testing.T, addr string)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, startRegistry(t, "")) })
	t.Run("postgres", func(t *testing.T) { fn(t, startRegistry(t, sqldbtest.Postgres(t))) })
}

// startRegistry starts the binary on a free port with a data directory of its
// own and stops it when the test ends, which must go well.
func startRegistry(t *testing.T, catalogURL string) (addr string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "lading.yaml")
	writeFile(t, file, "listen: 127.0.0.1:0\ndata: "+filepath.Join(dir, "data")+"\ncatalog: {url: \""+catalogURL+"\"}\n")

	cmd := exec.Command(binary, "serve", "--config", file)
	var log bytes.Buffer
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopRegistry(t, cmd, &log) })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, rest, found := strings.Cut(line, "http://")
	if err != nil || !found {
		t.Fatalf("no address in the first line %q: %v", line, err)
	}
	addr, _, _ = strings.Cut(rest, " ")
	return addr
}

func stopRegistry(t *testing.T, cmd *exec.Cmd, log *bytes.Buffer) {
	cmd.Process.Signal(syscall.SIGTERM)
	force := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer force.Stop()
	if err := cmd.Wait(); err != nil {
		t.Errorf("lading serve: %v", err)
	}
	if t.Failed() {
		t.Logf("the registry's log:\n%s", log)
	}
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
