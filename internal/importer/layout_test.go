package importer_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/importer"
	"github.com/lading-dev/lading/internal/importer/source"
)

// TestOneLayout takes over a single layout, from its directory and from a tar
// file of it.
func TestOneLayout(t *testing.T) {
	dir := filepath.Join(unpack(t, "olareg-0.1.1"), "library", "multi")
	file := filepath.Join(t.TempDir(), "packed.tar")
	f, err := os.Create(file)
	must(t, err)
	w := tar.NewWriter(f)
	must(t, w.AddFS(os.DirFS(dir)))
	must(t, w.Close())
	must(t, f.Close())
	all := wanted(t, "olareg-0.1.1")
	for _, tt := range []struct{ place, as, repo string }{
		{dir, "", "multi"}, {dir, "team/app", "team/app"}, {file, "", "packed"},
	} {
		to := open(t, config.Default())
		src := openSource(t, tt.place, source.Options{Name: tt.as})
		if r := to.take(src); len(r.Skipped) > 0 || r.Kind != source.OCILayout || r.Repositories != 1 {
			t.Errorf("%s: %s", tt.place, r.Text())
		}
		to.holds(all.only("library/multi", tt.repo))
		if r := to.take(src); r.Manifests.Present != r.Manifests.Found || r.Blobs.Present != r.Blobs.Found {
			t.Errorf("%s again: %s", tt.place, r.Text())
		}
	}
}

// only is what one repository holds, under another name.
func (w want) only(repo, as string) want {
	out := want{Tags: pick(w.Tags, repo, as), Manifests: pick(w.Manifests, repo, as), Referrers: pick(w.Referrers, repo, as), Blobs: pick(w.Blobs, repo, as)}
	return out
}

func pick[T any](all map[string]T, repo, as string) map[string]T {
	out := map[string]T{}
	for key, v := range all {
		if rest, ok := strings.CutPrefix(key, repo); ok && strings.ContainsAny(rest[:1], ":@") {
			out[as+rest] = v
		}
	}
	return out
}

// TestNames: only what is wanted is taken, and called as asked.
func TestNames(t *testing.T) {
	rename, err := importer.Renames([]string{"library/multi=m", "library=old/images"})
	must(t, err)
	to := open(t, config.Default())
	src := openSource(t, unpack(t, "zot-2.1.20"), source.Options{})
	r := to.takeWith(src, importer.Options{Named: []string{"tools/artifact", "none"}, Wants: importer.Filter([]string{"tools/artifact"}, []string{"library"}), Rename: rename})
	if r.Repositories != 3 {
		t.Error(r.Text())
	}
	tells(t, r, "repository", "none", "", "does not have it")
	w, items := wanted(t, "zot-2.1.20"), to.byKey()
	for from, as := range map[string]string{"library/small:2": "old/images/small:2", "library/multi:latest": "m:latest", "tools/artifact:v1": "tools/artifact:v1"} {
		if it := items["tag:"+as]; it.Descriptor == nil || it.Descriptor.Digest != w.Tags[from] {
			t.Errorf("%s is not %s", as, from)
		}
	}
	for key := range items {
		if strings.Contains(key, "odd/") || strings.Contains(key, ":library/") {
			t.Errorf("%s was not wanted", key)
		}
	}
	for _, bad := range []string{"x", "=y", "x=", "/=/"} {
		if _, err := importer.Renames([]string{bad}); err == nil {
			t.Errorf("%q is taken for a rule", bad)
		}
	}
	for name, want := range map[string]bool{"a": true, "a/b": true, "ab": false, "b/a": false} {
		if got := importer.Filter(nil, []string{"a/"})(name); got != want {
			t.Errorf("%s below a/: %v", name, got)
		}
	}
}

// TestFinds: what a place is, and what is said of one that is nothing.
func TestFinds(t *testing.T) {
	empty := t.TempDir()
	write(t, []byte("text"), empty, "file")
	dist := unpack(t, "distribution-2.8.2")
	if _, err := source.Open(t.Context(), dist, source.Options{Name: "x"}); err == nil || !strings.Contains(err.Error(), "names of their own") {
		t.Errorf("a name for many repositories: %v", err)
	}
	for _, tt := range []struct {
		place string
		kind  source.Kind
		want  string // the kind found, or a part of the error
	}{
		{dist, "", "distribution"},
		{filepath.Join(dist, "docker"), "", "distribution"},
		{filepath.Join(dist, "docker/registry/v2"), source.Distribution, "distribution"},
		{unpack(t, "zot-2.1.20"), "", "zot"},
		{unpack(t, "zot-2.1.20"), source.Olareg, "olareg"},
		{unpack(t, "olareg-0.1.1"), "", "olareg"},
		{empty, "", "holds nothing that is known here"},
		{empty, source.Distribution, "has no docker/registry/v2"},
		{filepath.Join(empty, "file"), "", "is not a tar file of an OCI layout"},
		{filepath.Join(empty, "file"), source.Zot, "is a file, not a directory as for zot"},
		{filepath.Join(empty, "none"), "", "does not exist; for a registry write http://"},
		{"registry.example.com", source.Registry, "is not a URL: write http://"},
		{"http://registry.example.com", source.Zot, "is a URL, not a directory as for zot"},
		{"http://user:pass@registry.example.com", "", "credentials are taken from the docker configuration"},
		{"http://127.0.0.1:1", "", "http://127.0.0.1:1 does not answer as a registry"},
	} {
		src, err := source.Open(t.Context(), tt.place, source.Options{Kind: tt.kind})
		switch {
		case err != nil && !strings.Contains(err.Error(), tt.want), err != nil && strings.Contains(err.Error(), "pass@"):
			t.Errorf("%s as %q: %v", tt.place, tt.kind, err)
		case err == nil && string(src.Kind()) != tt.want:
			t.Errorf("%s as %q is %s", tt.place, tt.kind, src.Kind())
		}
	}
}

// TestAwkwardNames: a repository may be called like the directories of a
// layout, and lie in one.
func TestAwkwardNames(t *testing.T) {
	tree := unpack(t, "olareg-0.1.1")
	for _, name := range []string{"a/b/c/d/e/f-g__h.i/blobs", "blobs", "blobs/sha256"} {
		must(t, os.CopyFS(filepath.Join(tree, name), os.DirFS(filepath.Join(tree, "library/small"))))
	}
	src := openSource(t, tree, source.Options{})
	names, err := src.Repositories(t.Context())
	must(t, err)
	want := "a/b/c/d/e/f-g__h.i a/b/c/d/e/f-g__h.i/blobs blobs blobs/sha256 library/multi library/small odd/deleted odd/things tools/artifact"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
	to := open(t, config.Default())
	if r := to.take(src); len(r.Skipped) > 0 {
		t.Error(r.Text())
	}
	to.holdsAlso(wanted(t, "olareg-0.1.1").only("library/small", "a/b/c/d/e/f-g__h.i/blobs"))
}
