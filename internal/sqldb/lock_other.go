//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sqldb

import "os"

// lockFile opens the file only: this system has no lock that the standard
// library knows. SQLite's own locks still keep the file consistent, but a
// second process is not refused.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}
