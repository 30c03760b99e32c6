package crashtest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// process is a running lading.
type process struct {
	addr string // host:port
	cmd  *exec.Cmd
	log  *lockedBuffer
	dead bool
}

// configFile writes a configuration for a data directory.
func configFile(t *testing.T, data, catalogURL, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lading.yaml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata: %q\n%s", data, more)
	if catalogURL != "" {
		text += fmt.Sprintf("catalog: {url: %q}\n", catalogURL)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// start runs the binary and waits until it serves. It is killed, if it still
// runs, when the test ends.
func start(t *testing.T, file string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, "serve", "--config", file), log: &lockedBuffer{}}
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the registry's log:\n%s", p.log)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, rest, found := strings.Cut(line, "http://")
	if err != nil || !found {
		t.Fatalf("no address in the first line %q: %v\n%s", line, err, p.log)
	}
	p.addr, _, _ = strings.Cut(rest, " ")
	return p
}

// kill ends the process at once: SIGKILL.
func (p *process) kill() {
	if p.dead {
		return
	}
	p.dead = true
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// lockedBuffer keeps the last part of a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 1<<20 {
		l.b.Reset()
	}
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
