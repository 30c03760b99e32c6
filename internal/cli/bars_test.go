package cli_test

import (
	"strings"
	"testing"
)

// TestCopyBars: on a terminal there are bars, of everything and of what is
// large, and --quiet has none.
func TestCopyBars(t *testing.T) {
	w := open(t)
	pushTo(t, w.host(), "large").image("amd64", strings.Repeat("lading ", 3<<20), "1")
	for _, quiet := range []bool{false, true} {
		e, args := env(), []string{"cp", w.host() + "/large:1", "oci:" + t.TempDir()}
		e.Terminal = func(any) bool { return true }
		if quiet {
			args = append(args, "--quiet")
		}
		code, _, said := ladingWith(t.Context(), e, "", args...)
		if code != 0 {
			t.Fatalf("%d: %s", code, said)
		}
		if whole, blob := strings.Contains(said, "copying"), strings.Contains(said, "sha256:"); whole == quiet || blob == quiet {
			t.Errorf("quiet %v: %q", quiet, said)
		}
	}
}
