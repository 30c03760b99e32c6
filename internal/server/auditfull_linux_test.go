package server_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAuditFileFull: while the disk of the file of records is full, pushes go on
// as ever; it is counted and told once, and when there is room again the file
// has each record.
func TestAuditFileFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatalf("mount a small file system to fill (run the tests as root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	path, filler := filepath.Join(disk, "audit.ndjson"), filepath.Join(disk, "filler")
	var log bytes.Buffer
	s := startWith(t, fileOf(t, "", path), &log)
	pushTag(t, s, "before")
	soon(t, "the push is not in the file", func() bool { return tagsIn(t, path)["before"] == 1 })
	fillUp(t, filler)
	const n = 100 // some 30 KB: the page that the file has begun is not enough
	for i := range n {
		pushTag(t, s, fmt.Sprint("full", i))
	}
	metric := func(line string) bool { _, text := ask(s, "/metrics"); return strings.Contains(text, line) }
	soon(t, "the failure is not counted", func() bool { return !metric("lading_audit_file_failed_total 0") })
	if metric(`lading_follower_lag_seconds{follower="audit_file"} 0`+"\n") || len(tagsIn(t, path)) > n {
		t.Error("the lag is not told, or the disk was not full")
	}
	pushTag(t, s, "still")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	soon(t, "not all is in the file", func() bool { return len(tagsIn(t, path)) == n+2 })
	soon(t, "the lag stays", func() bool { return metric(`lading_follower_lag_seconds{follower="audit_file"} 0` + "\n") })
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || !strings.Contains(text, "no space left on device") {
		t.Error(text)
	}
}

func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
