package server_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// TestReadyOnAFullDisk: readers are still welcome, and operators are told.
func TestReadyOnAFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatalf("mount a small file system to fill (run the tests as root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	cfg := config.Default()
	cfg.Data = disk
	s, err := server.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	filler, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	if status, text := ask(s, "/readyz"); status != 200 || text != "serving: ok\ncatalog: ok\ndata: full: pushes fail, pulls go on\n" {
		t.Errorf("%d %s", status, text)
	}
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	if status, text := ask(s, "/readyz"); status != 200 || text != "serving: ok\ncatalog: ok\ndata: ok\n" {
		t.Errorf("%d %s", status, text)
	}
}
