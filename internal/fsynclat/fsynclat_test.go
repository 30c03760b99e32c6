package fsynclat

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMedian(t *testing.T) {
	dir := t.TempDir()
	d, err := Median(dir, 5)
	if err != nil || d <= 0 {
		t.Errorf("Median: %v, %v", d, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := Median(dir, 0); err == nil {
		t.Error("Median of no rounds succeeded")
	}
	if _, err := Median(filepath.Join(dir, "missing"), 5); err == nil {
		t.Error("Median in a missing directory succeeded")
	}
}
