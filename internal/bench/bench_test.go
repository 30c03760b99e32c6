package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// TestShort runs the benchmarks in their short form: that they run, and that
// what they make is a catalog that keeps its rules.
func TestShort(t *testing.T) {
	ctx := context.Background()
	t.Run("put", func(t *testing.T) {
		for _, args := range [][]string{{"-n", "64", "-tags", "40", "-dir", t.TempDir()}, {"-n", "64", "-tags", "40", "-dir", t.TempDir(), "-url", sqldbtest.Postgres(t)}} {
			if err := putCommand(ctx, args); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("retype", func(t *testing.T) {
		dir := t.TempDir()
		if err := retypeCommand(ctx, []string{"-n", "600", "-multiply", "2", "-rounds", "2", "-window", "50ms", "-alone", "50ms", "-dir", dir}); err != nil {
			t.Error(err)
		}
		for _, wrong := range catalogcheck.Check(ctx, sqldbtest.Open(t, sqldb.Options{URL: "sqlite:" + filepath.Join(dir, "catalog.db")})) {
			t.Error(wrong)
		}
		if err := retypeCommand(ctx, []string{"-n", "300", "-rounds", "1", "-window", "50ms", "-alone", "50ms", "-dir", t.TempDir(), "-url", sqldbtest.Postgres(t)}); err != nil {
			t.Error(err)
		}
	})
	t.Run("discovery", func(t *testing.T) {
		dir := t.TempDir()
		if err := discoveryCommand(ctx, []string{"-n", "4", "-sizes", "200,600", "-multiply", "3", "-dir", dir}); err != nil {
			t.Error(err)
		}
		for _, wrong := range catalogcheck.Check(ctx, sqldbtest.Open(t, sqldb.Options{URL: "sqlite:" + filepath.Join(dir, "catalog.db")})) {
			t.Error(wrong)
		}
		if err := discoveryCommand(ctx, []string{"-n", "4", "-sizes", "300", "-dir", t.TempDir(), "-url", sqldbtest.Postgres(t)}); err != nil {
			t.Error(err)
		}
	})
}
