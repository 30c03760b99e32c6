// Package crashtest takes a registry apart at the worst moments and looks
// whether what it acknowledged is still there: kill -9 under load, a database
// that drops connections, a full disk, storage that fails once at every step,
// clients that stall. The real binary runs where a process has to die; where
// a fault has to hit one step, the server runs inside the test. The package
// holds tests alone; LADING_LONG=1 runs many more rounds.
package crashtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the lading that TestMain has built.
var binary string

// long tells whether the long form was asked for.
var long = os.Getenv("LADING_LONG") != ""

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lading-crashtest-")
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
