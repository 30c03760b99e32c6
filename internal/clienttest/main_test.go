// Package clienttest drives the real lading binary with the real clients: they
// push, pull, copy, list, attach and delete, and after each scenario the
// registry is asked what it holds. The package holds tests alone. `make deps`
// brings the clients; a client that is missing fails its test.
package clienttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the lading that TestMain has built.
var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lading-clienttest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "lading")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../../cmd/lading")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build lading:", err)
		return 1
	}
	return m.Run()
}
