package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
)

// Media types of the protocol.
const (
	typeList   = "application/vnd.lading.list.v1+json"
	typeStream = "application/x-ndjson"
	typeEvents = "text/event-stream"
)

// page is a page of a listing, or all pages one after the other.
type page struct {
	answer
	Kind       string
	Items      []lading.Item
	Namespaces []lading.Namespace
	Cursor     string
	next       string // the path of the next page
}

// tokenForm is the form of cursors and of page tokens.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// kinds are those of listings whose items are keyed.
var kinds = []string{"repositories", "tags", "manifests"}

// listPath is the path of a listing narrowed to the case's namespace; more
// parameters come in pairs.
func (t *T) listPath(kind string, more ...string) string {
	v := url.Values{"namespace": {t.ns}}
	addPairs(v, more)
	return "/v2/_lading/list/" + kind + "?" + v.Encode()
}

// repoPath is the path of a listing of one repository.
func repoPath(repo, kind string, more ...string) string {
	v := url.Values{}
	addPairs(v, more)
	path := "/v2/" + repo + "/_lading/list/" + kind
	if len(v) > 0 {
		path += "?" + v.Encode()
	}
	return path
}

func addPairs(v url.Values, pairs []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
}

// with adds parameters to a path.
func with(path string, more ...string) string {
	u, err := url.Parse(path)
	if err != nil {
		return path
	}
	v := u.Query()
	addPairs(v, more)
	u.RawQuery = v.Encode()
	return u.String()
}

// list asks for one page, which must be answered 200.
func (t *T) list(path string) page { return t.readPage(t.get(path), http.StatusOK) }

// all asks for all pages of a listing or a delta.
func (t *T) all(path string) page { return t.rest(t.list(path), request{}) }

// allAs is all, asked by the other caller.
func (t *T) allAs(path string, other bool) page {
	q := request{path: path, other: other}
	return t.rest(t.readPage(t.do(q), http.StatusOK), q)
}

// maxPages ends a listing that does not end.
const maxPages = 5000

// rest follows the links of a page and returns all of them as one.
func (t *T) rest(p page, as request) page {
	seen := map[string]bool{}
	for n := 0; p.next != ""; n++ {
		if seen[p.next] || n > maxPages {
			t.fatalf("the pages do not end: %s comes again", cut(p.next, 200))
		}
		seen[p.next] = true
		next := t.readPage(t.do(request{path: p.next, other: as.other}), http.StatusOK)
		if next.Kind != p.Kind {
			t.errorf("a page of a %s follows one of a %s", next.Kind, p.Kind)
		}
		next.Items = append(slices.Clip(p.Items), next.Items...)
		next.Namespaces = append(slices.Clip(p.Namespaces), next.Namespaces...)
		p = next
	}
	return p
}

// readPage understands a page, and checks what must hold of every one.
func (t *T) readPage(a answer, status int) page {
	p := page{answer: a}
	if a.status != status {
		t.fatalf("status %d, want %d: %s", a.status, status, cut(string(a.body), 500))
	}
	var body struct {
		Kind   string            `json:"kind"`
		Items  []json.RawMessage `json:"items"`
		Cursor string            `json:"cursor"`
	}
	if err := a.decode(&body); err != nil {
		t.fatalf("the page is no JSON: %v", err)
	}
	p.Kind, p.Cursor, p.next = body.Kind, body.Cursor, t.nextOf(a.header)
	if p.Kind != "list" && p.Kind != "delta" {
		t.errorf("the kind of a page is %q, want list or delta", p.Kind)
	}
	if body.Items == nil {
		t.errorf("items is not an array")
	}
	for _, raw := range body.Items {
		t.readItem(&p, raw)
	}
	t.checkCursor(p)
	return p
}

func (t *T) readItem(p *page, raw json.RawMessage) {
	var ns lading.Namespace
	if json.Unmarshal(raw, &ns) == nil && ns.Namespace != "" {
		p.Namespaces = append(p.Namespaces, ns)
		return
	}
	var it lading.Item
	if err := json.Unmarshal(raw, &it); err != nil {
		t.fatalf("an item is not of the form: %v: %s", err, cut(string(raw), 300))
	}
	t.checkItem(it)
	if p.Kind == "list" && it.Op != lading.OpPut {
		t.errorf("a listing has the operation %q of %s", it.Op, it.Key)
	}
	p.Items = append(p.Items, it)
}

// checkCursor checks where a page says that it ends.
func (t *T) checkCursor(p page) {
	etag, header := p.header.Get("ETag"), p.header.Get("Lading-Cursor")
	switch {
	case p.Cursor != "" && !tokenForm.MatchString(p.Cursor):
		t.errorf("the cursor %q is not [A-Za-z0-9._-]+", cut(p.Cursor, 80))
	case p.Cursor != "" && p.next != "":
		t.errorf("a page has a cursor and a next page")
	case p.Cursor != "" && (etag != `"`+p.Cursor+`"` || header != p.Cursor):
		t.errorf("the cursor of the body is not that of ETag (%s) and Lading-Cursor (%s)", cut(etag, 80), cut(header, 80))
	case p.Cursor == "" && (etag != "" || header != ""):
		t.errorf("a page without a cursor has the ETag %q and the Lading-Cursor %q", cut(etag, 80), cut(header, 80))
	}
}

var linkForm = regexp.MustCompile(`^<([^>]+)>; ?rel="?next"?$`)

// nextOf takes the next page's path out of a Link.
func (t *T) nextOf(h http.Header) string {
	link := h.Get("Link")
	if link == "" {
		return ""
	}
	m := linkForm.FindStringSubmatch(link)
	if m == nil {
		t.fatalf("the Link %q is not <…>; rel=\"next\"", cut(link, 200))
	}
	u, err := url.Parse(m[1])
	if err != nil {
		t.fatalf("the Link %q: %v", cut(link, 200), err)
	}
	u.Scheme, u.Host = "", ""
	return u.String()
}

// checkItem checks what must hold of every item.
func (t *T) checkItem(it lading.Item) {
	kind, rest, ok := strings.Cut(it.Key, ":")
	if !ok {
		t.errorf("the key %q has no kind", it.Key)
		return
	}
	if it.Op != lading.OpPut {
		t.checkForget(it, kind)
		return
	}
	want := ""
	switch kind {
	case "repository":
		want = lading.RepositoryKey(it.Repository)
	case "tag":
		want = lading.TagKey(it.Repository, it.Tag)
	case "manifest":
		if it.Descriptor != nil {
			want = lading.ManifestKey(it.Repository, it.Descriptor.Digest)
		}
	}
	if want != it.Key {
		t.errorf("the key %q does not say what the item is: want %q", it.Key, want)
	}
	if it.Incarnation == "" || it.Rev < 1 || it.Created == nil || it.Modified == nil {
		t.errorf("%s: incarnation %q, rev %d, created %v, modified %v: all must be there", rest, it.Incarnation, it.Rev, it.Created, it.Modified)
	} else if it.Modified.Before(*it.Created) {
		t.errorf("%s: modified %v is before created %v", rest, it.Modified, it.Created)
	}
	if kind != "repository" {
		t.checkDescriptor(it)
	}
}

func (t *T) checkForget(it lading.Item, kind string) {
	switch {
	case it.Op == lading.OpReset && kind != "repository":
		t.errorf("a reset of %q, which is no repository", it.Key)
	case it.Op != lading.OpRemove && it.Op != lading.OpReset:
		t.errorf("%s: there is no operation %q", it.Key, it.Op)
	case !slices.Contains([]string{"repository", "tag", "manifest", "range"}, kind):
		t.errorf("the key %q is of no kind", it.Key)
	case it.Descriptor != nil || it.Incarnation != "":
		t.errorf("a %s of %s carries a state", it.Op, it.Key)
	}
}

func (t *T) checkDescriptor(it lading.Item) {
	d := it.Descriptor
	if d == nil || d.MediaType == "" || d.Size <= 0 || d.Digest.Validate() != nil {
		t.errorf("%s: the descriptor %+v is not one", it.Key, d)
		return
	}
	if size, err := json.Marshal(d.Annotations); err == nil && len(size) > lading.MaxAnnotations+2 {
		t.errorf("%s shows %d bytes of annotations, at most 4 KiB may be shown", it.Key, len(size))
	}
}

// lines is an answer in lines.
type lines struct {
	page
	pages []string // the tokens between the items
	after []int    // how many items stand before each of them
	end   string   // cursor, end or error
}

// stream asks for all of a listing or delta in lines.
func (t *T) stream(path string, header map[string]string) lines {
	h := map[string]string{"Accept": typeStream}
	for k, v := range header {
		h[k] = v
	}
	a := t.do(request{path: path, header: h})
	if a.status != http.StatusOK && a.status != http.StatusIMUsed {
		t.fatalf("status %d: %s", a.status, cut(string(a.body), 500))
	}
	if got := mediaType(a.header); got != typeStream {
		t.fatalf("the Content-Type is %q, want %s", got, typeStream)
	}
	return t.readLines(a)
}

func mediaType(h http.Header) string {
	name, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.TrimSpace(name)
}

func (t *T) readLines(a answer) lines {
	out := lines{page: page{answer: a, Kind: "delta"}}
	s := bufio.NewScanner(bytes.NewReader(a.body))
	s.Buffer(nil, 8<<20)
	for s.Scan() {
		var line struct {
			Page   string          `json:"page"`
			Cursor string          `json:"cursor"`
			End    bool            `json:"end"`
			Error  json.RawMessage `json:"error"`
		}
		if out.end != "" {
			t.fatalf("a line follows the last one: %s", cut(s.Text(), 200))
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.fatalf("the line %s: %v", cut(s.Text(), 200), err)
		}
		switch {
		case line.Page != "":
			out.pages, out.after = append(out.pages, line.Page), append(out.after, len(out.Items)+len(out.Namespaces))
		case line.Cursor != "":
			out.Cursor, out.end = line.Cursor, "cursor"
		case line.End:
			out.end = "end"
		case line.Error != nil:
			out.end = "error"
			t.errorf("the stream ends with an error: %s", cut(s.Text(), 300))
		default:
			t.readItem(&out.page, s.Bytes())
		}
	}
	if out.end == "" {
		t.errorf("the stream has no last line: it is incomplete")
	}
	return out
}

// keys are the keys of items, in their order.
func keys(items []lading.Item) []string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = it.Key
	}
	return out
}

// byKey finds an item, the last of its key.
func byKey(items []lading.Item, key string) (found lading.Item, ok bool) {
	for _, it := range items {
		if it.Key == key {
			found, ok = it, true
		}
	}
	return found, ok
}

// same tells whether two lists of keys are alike in any order.
func same(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// wantKeys checks that items are of these keys and no others.
func (t *T) wantKeys(what string, items []lading.Item, want ...string) {
	got := keys(items)
	if !same(got, want) {
		t.errorf("%s: %s", what, difference(got, want))
	}
}

// difference says what is missing and what is too much.
func difference(got, want []string) string {
	count := map[string]int{}
	for _, k := range want {
		count[k]++
	}
	for _, k := range got {
		count[k]--
	}
	var missing, extra []string
	for k, n := range count {
		if n > 0 {
			missing = append(missing, k)
		}
		if n < 0 {
			extra = append(extra, k)
		}
	}
	slices.Sort(missing)
	slices.Sort(extra)
	text := ""
	if len(missing) > 0 {
		text += "missing " + strings.Join(missing, ", ")
	}
	if len(extra) > 0 {
		text += " not wanted, or twice: " + strings.Join(extra, ", ")
	}
	return cut(strings.TrimSpace(text), 800)
}

func tagKey(repo, tag string) string { return lading.TagKey(repo, tag) }

func manifestKey(repo string, d ocispec.Descriptor) string {
	return lading.ManifestKey(repo, digest.Digest(d.Digest))
}
