package itemdb_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/examples/itemdb"
	"github.com/lading-dev/lading/informer"
)

var _ informer.Store = (*itemdb.DB)(nil)

func tag(repo, name string, rev int64) lading.Item {
	return lading.Item{Op: lading.OpPut, Key: lading.TagKey(repo, name), Repository: repo, Tag: name, Rev: rev, Type: "helm"}
}

func keys(t *testing.T, d *itemdb.DB, r lading.Range) string {
	t.Helper()
	var all []string
	for it, err := range d.Range(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, it.Key)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// Items and cursor change together or not at all, and are there when the file
// is opened again.
func TestTogether(t *testing.T) {
	ctx, file := t.Context(), filepath.Join(t.TempDir(), "copy.db")
	d, err := itemdb.Open(ctx, file, "this")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Apply(ctx, []lading.Item{tag("a", "1", 1), tag("a/b", "1", 2), tag("b", "1", 3)}, "c1"); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	d.Then = func(context.Context, *sql.Tx, []lading.Item) error { return boom }
	if err := d.Apply(ctx, []lading.Item{{Op: lading.OpRemove, Key: "tag:a:1"}, tag("b", "2", 4)}, "c2"); !errors.Is(err, boom) {
		t.Errorf("it failed with %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := itemdb.Open(ctx, file, "that"); err == nil {
		t.Error("a copy of this is taken for one of that")
	}
	if d, err = itemdb.Open(ctx, file, "this"); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if cursor, err := d.Cursor(ctx); err != nil || cursor != "c1" {
		t.Errorf("the cursor is %q, %v", cursor, err)
	}
	for r, want := range map[lading.Range]string{
		{}:                               "tag:a/b:1 tag:a:1 tag:b:1",
		lading.RepositoryRange("a"):      "tag:a:1",
		{From: "a/"}:                     "tag:a/b:1 tag:b:1",
		{From: "a/", To: "b"}:            "tag:a/b:1",
		{From: "a", To: "a/"}:            "tag:a:1",
		lading.RepositoryRange("nobody"): "",
	} {
		if got := keys(t, d, r); got != want {
			t.Errorf("%+v: %s", r, got)
		}
	}
	if it, ok, err := d.Get(ctx, "tag:b:1"); err != nil || !ok || it.Rev != 3 || it.Type != "helm" {
		t.Errorf("%+v, %v, %v", it, ok, err)
	}
	if _, ok, err := d.Get(ctx, "tag:b:2"); err != nil || ok {
		t.Errorf("what was not applied: %v, %v", ok, err)
	}
}
