// Package fsynclat measures what a durable write costs on a disk, so that a
// benchmark of durable operations can print it beside its own figure: without
// it, the figure says more of the machine than of the program.
package fsynclat

import (
	"fmt"
	"os"
	"slices"
	"time"
)

// Median returns the median time of n rounds of writing 4 KiB to the end of a
// file in dir and making them durable with fdatasync (with fsync where there
// is none). The file is removed.
func Median(dir string, n int) (time.Duration, error) {
	if n < 1 {
		return 0, fmt.Errorf("fsynclat: %d rounds", n)
	}
	f, err := os.CreateTemp(dir, "fsynclat")
	if err != nil {
		return 0, fmt.Errorf("fsynclat: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, fmt.Errorf("fsynclat: %w", err)
		}
		if err := datasync(f); err != nil {
			return 0, fmt.Errorf("fsynclat: %w", err)
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[n/2], nil
}
