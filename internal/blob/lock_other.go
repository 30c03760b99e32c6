//go:build !unix || solaris || illumos || aix

package blob

import "os"

// lock does nothing here: one process at a time may use the directory.
func lock(*os.File) error { return nil }
