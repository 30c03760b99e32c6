package blob

import (
	"errors"
	"syscall"
	"testing"
)

// smallDisk returns a directory of a file system of 1 MiB, or "" where this
// process may not mount one.
func smallDisk(t *testing.T) string {
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
