package importer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/importer"
	"github.com/lading-dev/lading/internal/importer/source"
)

// TestTrees takes over what other programs wrote and compares all of it, byte
// by byte and over HTTP, with what those programs served.
func TestTrees(t *testing.T) {
	for i, tree := range trees {
		t.Run(tree.name, func(t *testing.T) {
			each := eachTarget
			if i > 0 { // what is read does not depend on the engine
				each = func(t *testing.T, fn func(*testing.T, *target)) { fn(t, open(t, config.Default())) }
			}
			each(t, func(t *testing.T, to *target) {
				src, w := openSource(t, unpack(t, tree.name), source.Options{}), wanted(t, tree.name)
				if src.Kind() != tree.kind {
					t.Errorf("taken for %s, %s", src.Kind(), src.Describe())
				}
				report := to.take(src)
				w.without(t, report.Skipped)
				to.holds(w)
				if n := len(w.Tags); report.Tags.Imported != n || report.Manifests.Imported+report.Manifests.Skipped != report.Manifests.Found {
					t.Errorf("%d tags served, report %+v", n, report)
				}
				rows := to.rows()
				again := to.take(src)
				if again.Tags.Imported+again.Manifests.Imported+again.Blobs.Imported > 0 || again.Bytes > 0 || to.rows() != rows {
					t.Errorf("a second import changed something: %+v", again)
				}
			})
		})
	}
}

// without leaves out the index of which one tree lacks a part: what nobody
// could serve whole. Nothing else may have been skipped.
func (w *want) without(t *testing.T, skipped []importer.Skip) {
	t.Helper()
	for _, s := range skipped {
		if s.Repository != "odd/things" || s.Name != "sparse" && !strings.Contains(s.Reason, strings.Repeat("ef", 32)) {
			t.Errorf("skipped: %v", s)
		}
		delete(w.Tags, s.Repository+":"+s.Name)
		delete(w.Manifests, s.Repository+"@"+s.Name)
	}
}

// holds compares the registry with what is wanted: all of it, and in tags
// nothing more.
func (to *target) holds(w want) {
	to.t.Helper()
	t, url := to.t, to.serve()
	for name, d := range w.Tags {
		repo, tag, _ := strings.Cut(name, ":")
		res, raw := get(t, url+"/v2/"+repo+"/manifests/"+tag)
		if got := digest.Digest(res.Header.Get("Docker-Content-Digest")); got.Algorithm() != d.Algorithm() || got != d || d.Algorithm().FromBytes(raw) != d {
			t.Errorf("tag %s is %s, want %s", name, got, d)
		}
	}
	for ref, mediaType := range w.Manifests {
		repo, d, _ := strings.Cut(ref, "@")
		res, raw := get(t, url+"/v2/"+repo+"/manifests/"+d)
		if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != mediaType || digest.Digest(d).Algorithm().FromBytes(raw) != digest.Digest(d) {
			t.Errorf("manifest %s: %d %s, want %s", ref, res.StatusCode, got, mediaType)
		}
	}
	for ref, size := range w.Blobs {
		repo, d, _ := strings.Cut(ref, "@")
		res, raw := get(t, url+"/v2/"+repo+"/blobs/"+d)
		if res.StatusCode != http.StatusOK || int64(len(raw)) != size || digest.Digest(d).Algorithm().FromBytes(raw) != digest.Digest(d) {
			t.Errorf("blob %s: %d with %d bytes, want %d", ref, res.StatusCode, len(raw), size)
		}
	}
	for ref, subject := range w.Referrers {
		repo, d, _ := strings.Cut(ref, "@")
		_, raw := get(t, url+"/v2/"+repo+"/referrers/"+string(subject))
		var index struct{ Manifests []lading.Descriptor }
		must(t, json.Unmarshal(raw, &index))
		if !slices.ContainsFunc(index.Manifests, func(m lading.Descriptor) bool { return string(m.Digest) == d }) {
			t.Errorf("referrers of %s do not tell %s: %s", subject, d, raw)
		}
	}
	tags, _ := to.list(lading.Query{Kind: lading.KindTags})
	for _, it := range tags {
		if w.Tags[it.Repository+":"+it.Tag] == "" {
			t.Errorf("%s was not at the source", it.Key)
		}
	}
}

// TestRevisions: every manifest that distribution keeps is there, those
// without a tag as well, and nothing more; the layouts hold nothing that their
// registries did not serve.
func TestRevisions(t *testing.T) {
	for _, tree := range trees {
		dir, w, keys := unpack(t, tree.name), wanted(t, tree.name), map[string]bool{}
		if tree.kind == source.Distribution {
			files(t, filepath.Join(dir, "docker"), "link", func(path string) {
				repo, hex, ok := strings.Cut(filepath.ToSlash(filepath.Dir(path)), "/_manifests/revisions/sha256/")
				_, repo, _ = strings.Cut(repo, "/repositories/")
				if ok {
					keys["manifest:"+repo+"@sha256:"+hex] = true
				}
			})
		} else {
			for ref := range w.Manifests {
				keys["manifest:"+ref] = true
			}
		}
		cfg := config.Default()
		cfg.Manifests.Sparse = config.Allow
		to := open(t, cfg)
		if report := to.take(openSource(t, dir, source.Options{})); len(report.Skipped) > 0 {
			t.Errorf("%s: skipped %v", tree.name, report.Skipped)
		}
		items, _ := to.list(lading.Query{Kind: lading.KindManifests})
		untagged := 0
		for _, it := range items {
			if !keys[it.Key] {
				t.Errorf("%s: %s is not among those that the source has", tree.name, it.Key)
			}
			if delete(keys, it.Key); len(it.Tags) == 0 {
				untagged++
			}
		}
		if len(keys) > 0 || untagged < 3 {
			t.Errorf("%s: missing are %v; %d untagged", tree.name, keys, untagged)
		}
	}
}

// TestReadTwice: manifests for which there is no room in memory are read again
// when they are put.
func TestReadTwice(t *testing.T) {
	to := open(t, config.Default())
	r := to.takeWith(openSource(t, unpack(t, "zot-2.1.20"), source.Options{}), importer.Options{Hold: 600, Jobs: 1})
	if len(r.Skipped) > 0 {
		t.Error(r.Text())
	}
	to.holds(wanted(t, "zot-2.1.20"))
}

// TestManyTags: a manifest may have more tags than are put at a time.
func TestManyTags(t *testing.T) {
	dir, when := unpack(t, "distribution-2.8.2"), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 150 {
		raw := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.example.plain+json"}`)
		linkTo(t, dir, "many", fmt.Sprintf("t%d", i), raw, when)
	}
	to := open(t, config.Default())
	if r := to.take(openSource(t, dir, source.Options{})); len(r.Skipped) > 0 {
		t.Error(r.Text())
	}
	tags, _ := to.list(lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Repository: "many"}})
	for _, it := range tags {
		if off := it.Created.Sub(when); off < 0 || off > near {
			t.Errorf("%s was created at %v", it.Key, it.Created)
		}
	}
	if len(tags) != 150 {
		t.Errorf("%d tags", len(tags))
	}
}
