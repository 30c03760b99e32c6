package sqldb_test

import (
	"path/filepath"
	"testing"
)

func urls(tb testing.TB) map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"sqlite": func(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "db") },
	}
}
