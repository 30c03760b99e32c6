package cli_test

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lading-dev/lading/internal/cli"
)

// told is the report of lading cp.
type told struct {
	Digest                                                string
	Tags, Missing                                         []string
	Manifests, Referrers, Blobs, Copied, Mounted, Present int
	Bytes, BytesCopied                                    int64
}

func copies(t *testing.T, args ...string) (r told) {
	t.Helper()
	must(t, json.Unmarshal([]byte(does(t, append([]string{"cp", "-o", "json"}, args...)...)), &r))
	return r
}

// same compares what a reference leads to in two places.
func same(t *testing.T, want, got []string) {
	t.Helper()
	if !slices.Equal(want, got) {
		t.Errorf("there is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestCopy copies an index with everything that belongs to it between
// registries of all kinds and layouts, and reads each byte of it there.
func TestCopy(t *testing.T) {
	w := open(t)
	others := map[string]string{"lading": w.host(), "olareg": peer(t, "olareg"), "registry": peer(t, "registry")}
	for name, host := range others {
		fill(t, host, "from")
		want := graph(t, host, "from", "1.0")
		if len(want) < 19 {
			t.Fatalf("%s: only %q is there", name, want)
		}
		for to, host2 := range others {
			t.Run(name+" to "+to, func(t *testing.T) {
				at := "copy/" + name
				r := copies(t, host+"/from:1.0", host2+"/"+at)
				if r.Manifests != 7 || r.Referrers != 3 || len(r.Tags) != 2 || r.Copied+r.Mounted != r.Manifests+r.Blobs || (r.Mounted == r.Blobs) != (host == host2) {
					t.Errorf("%+v", r)
				}
				same(t, want, graph(t, host2, at, "1.0"))
				if r := copies(t, host+"/from:1.0", host2+"/"+at+":again"); r.Copied+r.Mounted != 0 || r.Present != 7+r.Blobs || r.BytesCopied != 0 {
					t.Errorf("again: %+v", r)
				}
			})
		}
		t.Run(name+" by a layout", func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "layout")
			copies(t, host+"/from:1.0", "oci:"+dir)
			copies(t, "oci:"+dir, w.host()+"/layout/"+name)
			same(t, want, graph(t, w.host(), "layout/"+name, "1.0"))
			if r := copies(t, host+"/from:1.0", "oci:"+dir+":two"); r.Copied != 0 {
				t.Errorf("again: %+v", r)
			}
			fails(t, cli.ExitUsage, "2 tags", "cp", "oci:"+dir, w.host()+"/x")
			copies(t, "oci:"+dir+":two", w.host()+"/two/"+name)
			same(t, want, renamed(graph(t, w.host(), "two/"+name, "two"), "two", "1.0"))
		})
	}
}

func renamed(lines []string, from, to string) (out []string) {
	for _, l := range lines {
		out = append(out, strings.Replace(l, "manifest "+from+":", "manifest "+to+":", 1))
	}
	slices.Sort(out)
	return out
}

// TestCopySome copies without referrers, by digest, and all tags.
func TestCopySome(t *testing.T) {
	w := open(t)
	host := w.host()
	index := fill(t, host, "from")
	if r := copies(t, "--no-referrers", host+"/from:1.0", host+"/plain"); r.Manifests != 3 || r.Referrers != 0 || len(r.Tags) != 1 {
		t.Errorf("without referrers: %+v", r)
	}
	r := copies(t, host+"/from@"+string(index.Digest), host+"/bydigest")
	if r.Digest != string(index.Digest) || !slices.Equal(r.Tags, []string{"sha256-" + index.Digest.Encoded() + ".sig"}) {
		t.Errorf("by digest: %+v", r)
	}
	same(t, graph(t, host, "from", string(index.Digest)), graph(t, host, "bydigest", string(index.Digest)))
	olareg := peer(t, "olareg")
	if r := copies(t, "--all-tags", host+"/from", olareg+"/all"); len(r.Tags) != 4 || r.Manifests != 8 {
		t.Errorf("all tags: %+v", r)
	}
	tags := []string{"1.0", "amd", "data"}
	same(t, graph(t, host, "from", tags...), graph(t, olareg, "all", tags...))
	// Of a layout, what lists a manifest does not belong to it; its SBOM does.
	dir := filepath.Join(t.TempDir(), "layout")
	copies(t, host+"/from:1.0", "oci:"+dir)
	if r := copies(t, "oci:"+dir+"@"+digestOf(t, host, "from", "amd"), host+"/child"); r.Manifests != 2 || r.Referrers != 1 {
		t.Errorf("a child out of a layout: %+v", r)
	}
	tarred := dir + ".tar"
	f, err := os.Create(tarred)
	must(t, err)
	tw := tar.NewWriter(f)
	must(t, tw.AddFS(os.DirFS(dir)))
	must(t, tw.Close())
	must(t, f.Close())
	copies(t, "oci:"+tarred, host+"/tar")
	same(t, graph(t, host, "from", "1.0"), graph(t, host, "tar", "1.0"))
	// Lists of referrers, which distribution keeps under tags, are made anew.
	registry := peer(t, "registry")
	copies(t, "--all-tags", host+"/from", registry+"/all")
	if r := copies(t, "--all-tags", registry+"/all", olareg+"/back"); len(r.Tags) != 4 || r.Manifests != 8 {
		t.Errorf("all tags out of distribution: %+v", r)
	}
	same(t, graph(t, host, "from", tags...), graph(t, olareg, "back", tags...))
	fails(t, cli.ExitNotFound, "no such thing", "cp", host+"/from:none", host+"/x")
	fails(t, cli.ExitNotFound, "NAME_UNKNOWN", "cp", "--all-tags", host+"/none", host+"/x")
	fails(t, cli.ExitUsage, "names no manifest", "cp", host+"/from", host+"/x")
	fails(t, cli.ExitUsage, "name no tag", "cp", "--all-tags", host+"/from", host+"/x:1")
	fails(t, cli.ExitUsage, "digests do not change", "cp", host+"/from:1.0", host+"/x@"+string(index.Digest))
	fails(t, cli.ExitNotFound, "no such file", "cp", "oci:/none/of/it:1", host+"/x")
	fails(t, cli.ExitUsage, "less than one", "cp", "--jobs", "0", host+"/from:1.0", host+"/x")
}

// flaky is a registry that fails every upload after the first few, until it is
// mended.
type flaky struct {
	http.Handler
	mu     sync.Mutex
	left   int
	stored map[string]int // blobs, and how often each was taken
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		f.mu.Lock()
		f.left--
		fails := f.left < 0
		if d := r.URL.Query().Get("digest"); d != "" && !fails {
			f.stored[d]++
		}
		f.mu.Unlock()
		if fails {
			panic(http.ErrAbortHandler)
		}
	}
	f.Handler.ServeHTTP(w, r)
}

func (f *flaky) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = 1 << 20
}

// TestCopyInterrupted breaks off a copy after each of its uploads. The next run
// goes on, and no blob is sent twice.
func TestCopyInterrupted(t *testing.T) {
	w := open(t)
	host := w.host()
	fill(t, host, "from")
	want := graph(t, host, "from", "1.0")
	at, err := url.Parse(w.web.URL)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	for n := range 16 {
		if testing.Short() && n%5 != 0 {
			continue
		}
		f := &flaky{Handler: proxy, left: n, stored: map[string]int{}}
		front := httptest.NewUnstartedServer(f)
		front.Config.ErrorLog = nil
		front.Start()
		to := fmt.Sprintf("%s/cut/%d", front.Listener.Addr(), n)
		// One at a time, so that none is under way when another is refused.
		code, out, log := lading(t, "cp", "--jobs", "1", host+"/from:1.0", to)
		if code != cli.ExitFailed || !strings.Contains(log, "run the same command again to go on") {
			t.Errorf("after %d: %d\n%s%s", n, code, out, log)
		}
		f.mend()
		r := copies(t, host+"/from:1.0", to)
		if r.Present < n*2/3 {
			t.Errorf("after %d: only %d were there already", n, r.Present)
		}
		for d, times := range f.stored {
			if times != 1 {
				t.Errorf("after %d: %s was sent %d times", n, d, times)
			}
		}
		same(t, want, graph(t, host, fmt.Sprintf("cut/%d", n), "1.0"))
		front.Close()
	}
}

// TestCopyLayoutInterrupted ends a copy to a layout in the middle: the next one
// brings the rest, and referrers are found in it.
func TestCopyLayoutInterrupted(t *testing.T) {
	w := open(t)
	host := w.host()
	fill(t, host, "from")
	want := graph(t, host, "from", "1.0")
	dir := filepath.Join(t.TempDir(), "layout")
	copies(t, host+"/from:1.0", "oci:"+dir)
	// As if the process had been killed before it wrote the index.
	must(t, os.WriteFile(filepath.Join(dir, "index.json"), []byte(`{"schemaVersion":2,"manifests":[]}`), 0o644))
	if r := copies(t, host+"/from:1.0", "oci:"+dir); r.Copied != 0 {
		t.Errorf("again: %+v", r)
	}
	copies(t, "oci:"+dir+":1.0", host+"/back")
	same(t, want, graph(t, host, "back", "1.0"))
}

// TestCopyDamaged refuses bytes that are not what their digest says, and tells
// what is missing.
func TestCopyDamaged(t *testing.T) {
	w := open(t)
	host := w.host()
	fill(t, host, "from")
	dir := filepath.Join(t.TempDir(), "layout")
	copies(t, "--no-referrers", host+"/from:amd", "oci:"+dir)
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	must(t, err)
	var layer string
	for _, file := range blobs {
		raw, err := os.ReadFile(file)
		must(t, err)
		if string(raw) == "layer of amd64" {
			layer = file
		}
	}
	must(t, os.Chmod(layer, 0o644))
	must(t, os.WriteFile(layer, []byte("layer of amd46"), 0o644))
	fails(t, cli.ExitFailed, "copy is not whole", "cp", "oci:"+dir, host+"/damaged")
	must(t, os.Remove(layer))
	fails(t, cli.ExitFailed, filepath.Base(layer), "cp", "oci:"+dir, host+"/damaged")
	if code, out, _ := lading(t, "ls", host+"/damaged"); code != cli.ExitNotFound {
		t.Errorf("%d %s", code, out)
	}
}

// digestOf is what a tag points to.
func digestOf(t *testing.T, host, name, tag string) string {
	t.Helper()
	return strings.TrimSpace(does(t, "inspect", host+"/"+name+":"+tag, "--template", "{{.digest}}"))
}
