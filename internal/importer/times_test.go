package importer_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/importer/source"
)

// dated is the tree of a distribution whose links have times of their own, a
// day apart, by the keys of the items that they stand for.
func dated(t *testing.T, first time.Time) (dir string, times map[string]time.Time) {
	t.Helper()
	dir, times = unpack(t, "distribution-2.8.2"), map[string]time.Time{}
	when := first
	files(t, dir, "link", func(path string) {
		if key := linkKey(t, dir, path); key != "" {
			date(t, when, path)
			times[key] = when
			when = when.Add(24*time.Hour + 17*time.Microsecond)
		}
	})
	if len(times) < 30 {
		t.Fatalf("only %d times", len(times))
	}
	return dir, times
}

// linkKey is the key of the manifest or tag that a link of distribution's
// stands for, or empty.
func linkKey(t *testing.T, dir, path string) string {
	t.Helper()
	rel, err := filepath.Rel(filepath.Join(dir, "docker/registry/v2/repositories"), path)
	must(t, err)
	rel = filepath.ToSlash(rel)
	if repo, hex, ok := strings.Cut(rel, "/_manifests/revisions/sha256/"); ok {
		return "manifest:" + repo + "@sha256:" + strings.TrimSuffix(hex, "/link")
	}
	repo, tag, _ := strings.Cut(rel, "/_manifests/tags/")
	if name, ok := strings.CutSuffix(tag, "/current/link"); ok {
		return "tag:" + repo + ":" + name
	}
	return ""
}

// settle moves times to where they can be kept: an index is not older than
// what it lists, a tag not older than its manifest.
func (to *target) settle(times map[string]time.Time) {
	to.t.Helper()
	raise := func(key, than string) {
		if times[than].After(times[key]) {
			times[key] = times[than]
		}
	}
	items, _ := to.list(lading.Query{Kind: lading.KindManifests})
	url := to.serve()
	for _, it := range items {
		_, raw := get(to.t, url+"/v2/"+it.Repository+"/manifests/"+string(it.Descriptor.Digest))
		var doc struct{ Manifests []lading.Descriptor }
		must(to.t, json.Unmarshal(raw, &doc))
		for _, c := range doc.Manifests {
			raise(it.Key, lading.ManifestKey(it.Repository, c.Digest))
		}
	}
	tags, _ := to.list(lading.Query{Kind: lading.KindTags})
	for _, it := range tags {
		raise(it.Key, lading.ManifestKey(it.Repository, it.Descriptor.Digest))
	}
}

// near is how far a position may lie from its time: changes of one moment are
// a microsecond apart, and a tag that was pushed with its manifest is put with
// it.
const near = time.Second

// TestTimes: what is imported was created when it was pushed, to the order of
// all that happened, in listings by time as well; whatever comes later finds
// cursors that are good.
func TestTimes(t *testing.T) {
	eachTarget(t, func(t *testing.T, to *target) {
		dir, times := dated(t, time.Date(2019, 3, 1, 12, 0, 0, 5000, time.UTC))
		to.take(openSource(t, dir, source.Options{}))
		to.settle(times)
		items := to.byKey()
		for key, when := range times {
			it, ok := items[key]
			if !ok {
				t.Fatalf("%s is missing", key)
			}
			if off := it.Created.Sub(when); off < 0 || off > near {
				t.Errorf("%s was created at %v, want %v", key, it.Created, when)
			}
		}
		for _, kind := range []lading.Kind{lading.KindTags, lading.KindManifests} {
			view, _ := to.list(lading.Query{Kind: kind, Order: lading.OrderCreated})
			for i := 1; i < len(view); i++ {
				if times[view[i].Key].Before(times[view[i-1].Key]) {
					t.Errorf("%s comes before %s", view[i-1].Key, view[i].Key)
				}
			}
		}
	})
}

// TestCursors: a listing of what was imported long ago ends with a cursor that
// is good, also after the sweeper has removed what is past its time.
func TestCursors(t *testing.T) {
	eachTarget(t, func(t *testing.T, to *target) {
		dir, _ := dated(t, time.Date(2019, 3, 1, 12, 0, 0, 0, time.UTC))
		to.take(openSource(t, dir, source.Options{}))
		url := to.serve()
		since := func(cursor string) (status int, page lading.Listing) {
			res, raw := get(t, url+"/v2/_lading/list/tags?n=1000&since="+cursor)
			if res.StatusCode == http.StatusOK {
				must(t, json.Unmarshal(raw, &page))
			}
			return res.StatusCode, page
		}
		_, all := since("none")
		if len(all.Items) == 0 || all.Cursor == "" {
			t.Fatalf("a listing has %d items and the cursor %q", len(all.Items), all.Cursor)
		}
		must(t, to.srv.Sweeper().Sweep(t.Context()))
		for _, when := range []string{"before the first change", "after a tag was deleted"} {
			status, delta := since(all.Cursor)
			n := 0
			if when != "before the first change" {
				n = 1
			}
			if status != http.StatusOK || len(delta.Items) != n || delta.Cursor == "" {
				t.Errorf("%s: %d with %v and the cursor %q", when, status, delta.Items, delta.Cursor)
			}
			if n == 0 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url+"/v2/library/small/manifests/latest", nil)
				must(t, err)
				res, err := http.DefaultClient.Do(req)
				must(t, err)
				must(t, res.Body.Close())
				if res.StatusCode != http.StatusAccepted {
					t.Fatal("DELETE:", res.StatusCode)
				}
				must(t, to.srv.Sweeper().Sweep(t.Context()))
			}
		}
	})
}

// TestLaterImports: what has come to the source since keeps its time as well;
// what turns up from before the last change, or from a clock in the future,
// or without a time, gets that of the import.
func TestLaterImports(t *testing.T) {
	eachTarget(t, func(t *testing.T, to *target) {
		dir, _ := dated(t, time.Date(2019, 3, 1, 12, 0, 0, 0, time.UTC))
		src := openSource(t, dir, source.Options{})
		to.take(src)
		const repo = "library/small"
		before := to.byKey()
		push := func(text string, when time.Time) (manifest, tag string) {
			d := pushTo(t, dir, repo, text, when)
			return lading.ManifestKey(repo, d), lading.TagKey(repo, text)
		}
		year := func(y int) time.Time { return time.Date(y, 6, 1, 0, 0, 0, 0, time.UTC) }
		m25, t25 := push("since", year(2025))
		oldM, oldT := push("old", year(2018))
		futureM, futureT := push("future", time.Now().Add(1000*time.Hour))
		noneM, noneT := push("none", time.Unix(0, 0))
		begun := time.Now().Truncate(time.Microsecond)
		if report := to.take(src); len(report.Skipped) > 0 || report.Tags.Imported != 4 {
			t.Fatalf("%+v", report)
		}
		after := to.byKey()
		for key, it := range before {
			if now := after[key]; !now.Modified.Equal(*it.Modified) {
				t.Errorf("%s was modified at %v, before the import at %v", key, now.Modified, it.Modified)
			}
		}
		for _, key := range []string{m25, t25} {
			if off := after[key].Created.Sub(year(2025)); off < 0 || off > near {
				t.Errorf("%s was created at %v", key, after[key].Created)
			}
		}
		for _, key := range []string{oldM, oldT, futureM, futureT, noneM, noneT} {
			if c := after[key].Created; c.Before(begun) || c.After(time.Now().Add(near)) {
				t.Errorf("%s was created at %v, not by the import", key, c)
			}
		}
	})
}

// TestLateChild: an index does not come before a manifest that it lists and
// whose time cannot be kept.
func TestLateChild(t *testing.T) {
	eachTarget(t, func(t *testing.T, to *target) {
		dir, _ := dated(t, time.Date(2019, 3, 1, 12, 0, 0, 0, time.UTC))
		src := openSource(t, dir, source.Options{})
		to.take(src)
		child := pushTo(t, dir, "library/small", "child", time.Unix(0, 0))
		raw := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + string(child) + `","size":1}]}`)
		linkTo(t, dir, "library/small", "parent", raw, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
		if report := to.take(src); len(report.Skipped) > 0 || report.Manifests.Imported != 2 {
			t.Errorf("%+v", report)
		}
	})
}

// pushTo adds a manifest without blobs to a distribution's directory, and a
// tag of that text.
func pushTo(t *testing.T, dir, repo, text string, when time.Time) digest.Digest {
	t.Helper()
	return linkTo(t, dir, repo, text, []byte(`{"schemaVersion":2,"mediaType":"application/vnd.example.plain+json","annotations":{"text":"`+text+`"}}`), when)
}

func linkTo(t *testing.T, dir, repo, tag string, raw []byte, when time.Time) digest.Digest {
	t.Helper()
	d := digest.FromBytes(raw)
	v2 := filepath.Join(dir, "docker/registry/v2")
	write(t, raw, v2, "blobs/sha256", d.Encoded()[:2], d.Encoded(), "data")
	for _, path := range []string{"revisions/sha256/" + d.Encoded(), "tags/" + tag + "/current"} {
		link := filepath.Join(v2, "repositories", repo, "_manifests", path, "link")
		write(t, []byte(d), link)
		date(t, when, link)
	}
	return d
}
