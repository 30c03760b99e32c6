package clienttest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// tool is a client program with the environment that its test gives it.
type tool struct {
	path string
	env  []string
	dir  string // its working directory
	// said is told every command line before it is run, where it is set.
	said func(command []string)
}

// newTool finds a client: in .tools/bin, where `make deps` puts what it
// builds, or in PATH. It has a home of its own, so that no configuration or
// credential of the person who runs the tests is used.
func newTool(t *testing.T, name string) tool {
	t.Helper()
	home := t.TempDir()
	path, err := filepath.Abs(filepath.Join("../../.tools/bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath(name); err != nil {
			t.Fatalf("the client %s is missing: run `make deps`", name)
		}
	}
	return tool{path: path, dir: home, env: append(os.Environ(), "HOME="+home, "DOCKER_CONFIG="+home, "XDG_CONFIG_HOME="+home)}
}

// run runs the client and returns its standard output without white space
// around it.
func (c tool) run(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, err := c.try(args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(c.path), strings.Join(args, " "), err, out, stderr)
	}
	return out
}

// fails runs the client, which must fail with the text in what it prints.
func (c tool) fails(t *testing.T, want string, args ...string) {
	t.Helper()
	out, stderr, err := c.try(args...)
	if err == nil || !strings.Contains(out+stderr, want) {
		t.Errorf("%s %s: got %v, %q; want it to fail with %q", filepath.Base(c.path), strings.Join(args, " "), err, out+stderr, want)
	}
}

// runWith is run with a file as standard input.
func (c tool) runWith(t *testing.T, file string, args ...string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, stderr, err := c.tryWith(f, args...)
	if err != nil {
		t.Fatalf("%s %s <%s: %v\n%s%s", filepath.Base(c.path), strings.Join(args, " "), file, err, out, stderr)
	}
	return out
}

func (c tool) try(args ...string) (stdout, stderr string, err error) { return c.tryWith(nil, args...) }

func (c tool) tryWith(stdin io.Reader, args ...string) (stdout, stderr string, err error) {
	if c.said != nil {
		c.said(append([]string{filepath.Base(c.path)}, args...))
	}
	cmd := exec.Command(c.path, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = c.env, c.dir, stdin
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return strings.TrimSpace(out.String()), errOut.String(), err
}

// layer writes a tar with one file into the client's directory and returns
// its path.
func (c tool) layer(t *testing.T, name, content string) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.dir, strings.ReplaceAll(name, "/", "-")+".tar")
	writeFile(t, path, buf.String())
	return path
}

// parse reads JSON that a client printed.
func parse[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return v
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func digestOf(text string) string { return digest.FromString(text).String() }
