package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	core "github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/cli"
)

// untrue is a registry that answers what it likes.
type untrue struct {
	manifests map[string]string   // by digest
	referrers map[string][]string // digests, by digest
	tags      map[string]string   // digests
	catalog   string
}

func (u *untrue) add(tag, manifest string) string {
	d := digest.FromString(manifest).String()
	u.manifests[d] = manifest
	if tag != "" {
		u.tags[tag] = d
	}
	return d
}

func (u *untrue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, ref, _ := strings.Cut(r.URL.Path, "/manifests/")
	_, subject, _ := strings.Cut(r.URL.Path, "/referrers/")
	switch {
	case r.URL.Path == "/v2/_catalog":
		fmt.Fprint(w, u.catalog)
	case strings.HasSuffix(r.URL.Path, "/tags/list"):
		var tags []string
		for t := range u.tags {
			tags = append(tags, t)
		}
		json.NewEncoder(w).Encode(map[string]any{"name": "x", "tags": tags})
	case ref != "":
		if d, ok := u.tags[ref]; ok {
			ref = d
		}
		m, ok := u.manifests[ref]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
		w.Header().Set("Docker-Content-Digest", ref)
		w.Header().Set("Content-Length", fmt.Sprint(len(m)))
		if r.Method == http.MethodGet {
			fmt.Fprint(w, m)
		}
	case subject != "":
		index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
		for _, d := range u.referrers[subject] {
			index.Manifests = append(index.Manifests, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.Digest(d), Size: int64(len(u.manifests[d]))})
		}
		w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
		json.NewEncoder(w).Encode(index)
	default:
		http.NotFound(w, r)
	}
}

func lies(t *testing.T) (*untrue, string) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	u := &untrue{manifests: map[string]string{}, referrers: map[string][]string{}, tags: map[string]string{}}
	s := httptest.NewServer(u)
	t.Cleanup(s.Close)
	return u, s.Listener.Addr().String()
}

// TestCircles meets referrers that refer to each other, chains without an end
// and children that are not there.
func TestCircles(t *testing.T) {
	u, host := lies(t)
	gone := digest.FromString("gone").String()
	a := u.add("a", `{"schemaVersion":2,"manifests":[{"mediaType":"`+ocispec.MediaTypeImageIndex+`","digest":"`+gone+`","size":4}]}`)
	b := u.add("", `{"schemaVersion":2,"manifests":[],"annotations":{"name":"b"}}`)
	u.referrers[a], u.referrers[b] = []string{b}, []string{a}
	out := does(t, "tree", host+"/x:a")
	want := host + "/x:a " + a + "  image-index\n├─ " + gone + "  (is not here)\n└─ refers: " + b + "  image-index\n   └─ refers: " + a + "  image-index  (shown above)\n"
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	does(t, "ls", "manifests", host+"/x")
	if r := copies(t, host+"/x:a", "oci:"+t.TempDir()+"/layout"); r.Manifests != 2 || len(r.Missing) != 1 {
		t.Errorf("%+v", r)
	}

	last := u.add("chain", `{"schemaVersion":2,"manifests":[]}`)
	for i := range 100 {
		next := u.add("", fmt.Sprintf(`{"schemaVersion":2,"manifests":[],"annotations":{"n":"%d"}}`, i))
		u.referrers[last] = []string{next}
		last = next
	}
	if out := does(t, "tree", host+"/x:chain"); strings.Count(out, "\n") != 33 || !strings.Contains(out, "(has more below)") {
		t.Errorf("%s", out)
	}
	fails(t, cli.ExitFailed, "more than 32 times", "cp", host+"/x:chain", "oci:"+t.TempDir()+"/layout")
}

// TestUntrue meets bytes that are not what they are called, answers without an
// end, and words that would move the cursor of a terminal.
func TestUntrue(t *testing.T) {
	u, host := lies(t)
	u.tags["wrong"] = digest.FromString("another").String()
	u.manifests[u.tags["wrong"]] = `{"schemaVersion":2,"manifests":[]}`
	for _, args := range []string{"inspect", "tree"} {
		fails(t, cli.ExitFailed, "mismatch", args, host+"/x:wrong")
	}
	fails(t, cli.ExitFailed, "mismatch", "cp", host+"/x:wrong", "oci:"+t.TempDir()+"/layout")
	u.add("large", `{"schemaVersion":2,"annotations":{"x":"`+strings.Repeat("x", core.MaxManifestSize)+`"}}`)
	fails(t, cli.ExitFailed, "4.0 MiB", "inspect", host+"/x:large")
	delete(u.tags, "wrong")
	delete(u.tags, "large")
	u.add("v1", `{"schemaVersion":2,"manifests":[],"artifactType":"a\u001b[2Jb/c","annotations":{"\u001b]0;x\u0007":"\u009b2J\u202e"}}`)
	for _, args := range []string{"inspect HOST/x:v1", "tree HOST/x:v1", "ls HOST/x", "ls manifests HOST/x"} {
		if out := does(t, strings.Fields(strings.ReplaceAll(args, "HOST", host))...); strings.ContainsAny(out, "\x1b\x07\u009b\u202e") {
			t.Errorf("%s: %q", args, out)
		}
	}
	u.catalog = `{"repositories":["../up","` + strings.Repeat("x", 10<<20) + `"]}`
	fails(t, cli.ExitFailed, "", "ls", host)
}

// TestEveryPage lists more than a page, and as many as were asked for.
func TestEveryPage(t *testing.T) {
	w := open(t)
	raw := []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[]}`)
	const many = 2300
	var tags []string
	for i := range many {
		tags = append(tags, fmt.Sprintf("t%04d", i))
	}
	for some := range slices.Chunk(tags, 100) {
		_, err := w.srv.Engine().PutManifest(t.Context(), "many", core.Manifest{Bytes: raw}, core.PutOptions{Tags: some})
		must(t, err)
	}
	for args, want := range map[string]int{"": many, "-n 1": 1, "-n 1000": 1000, "-n 2299": 2299, "-n 9999": many, "--order -modified -n 1500": 1500} {
		out := does(t, append([]string{"ls", w.host() + "/many", "-o", "name"}, strings.Fields(args)...)...)
		if n := strings.Count(out, "\n"); n != want {
			t.Errorf("%q: %d lines, want %d", args, n, want)
		}
	}
	out := does(t, "ls", w.host()+"/many")
	if n := strings.Count(out, "\n"); n != many+1 || strings.Count(out, "TAG") != 1 {
		t.Errorf("%d lines of a table", n)
	}
	var doc struct {
		Items  []core.Item
		Cursor string
	}
	must(t, json.Unmarshal([]byte(does(t, "ls", w.host()+"/many", "-o", "json")), &doc))
	if len(doc.Items) != many || doc.Cursor == "" {
		t.Errorf("%d items, cursor %q", len(doc.Items), doc.Cursor)
	}
	must(t, json.Unmarshal([]byte(does(t, "ls", w.host()+"/many", "-o", "json", "-n", "2")), &doc))
	olareg := peer(t, "olareg")
	p := pushTo(t, olareg, "many")
	d := p.index("t000")
	for i := range 300 {
		must(t, p.repo.Tag(t.Context(), d, fmt.Sprintf("t%03d", i)))
	}
	for args, want := range map[string]int{"": 300, "-n 299": 299, "-n 7 --order -name": 7} {
		if n := strings.Count(does(t, append([]string{"ls", olareg + "/many", "-o", "ndjson"}, strings.Fields(args)...)...), "\n"); n != want {
			t.Errorf("%q: %d lines, want %d", args, n, want)
		}
	}
}

// TestEveryHistory tells all that a tag has pointed to, over several answers,
// and no more than was asked for.
func TestEveryHistory(t *testing.T) {
	w := open(t)
	const moves = 1300
	for i := range moves {
		raw := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"%s","manifests":[],"annotations":{"n":"%d"}}`, ocispec.MediaTypeImageIndex, i%2)
		_, err := w.srv.Engine().PutManifest(t.Context(), "moves", core.Manifest{Bytes: raw}, core.PutOptions{Tags: []string{"t"}})
		must(t, err)
	}
	ref := w.host() + "/moves:t"
	lines := strings.Split(strings.TrimSpace(does(t, "history", ref, "-o", "ndjson")), "\n")
	if created := strings.Count(strings.Join(lines, ""), `"created"`); created != moves {
		t.Errorf("%d times created, of %d", created, moves)
	}
	for _, n := range []int{1, 7, 1001} {
		if got := strings.Split(strings.TrimSpace(does(t, "history", ref, "-o", "ndjson", "-n", fmt.Sprint(n))), "\n"); !slices.Equal(got, lines[:n]) {
			t.Errorf("-n %d: %d lines", n, len(got))
		}
	}
}
