package types

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fingerprint is what a directory of definitions looks like: names, sizes and
// times. It is empty where there is no directory.
func fingerprint(dir string) string {
	if dir == "" {
		return ""
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext != ".json" && ext != ".svg" {
			continue
		}
		// Stat and not the entry's own: a mounted directory has links in it.
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "%q %d %d\n", e.Name(), info.Size(), info.ModTime().UnixNano())
	}
	return b.String()
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}
