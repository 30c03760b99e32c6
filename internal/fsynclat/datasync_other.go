//go:build !linux

package fsynclat

import "os"

func datasync(f *os.File) error { return f.Sync() }
