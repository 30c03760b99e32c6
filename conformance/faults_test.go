package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A fault is a registry that breaks one rule. Each of the cases must fail.
type fault struct {
	rule  string
	cases []string
	wrap  func(http.Handler) http.Handler
}

func always(*http.Request) bool { return true }

func has(name string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Query().Has(name) }
}

// isOp tells whether an item is of an operation and kind.
func isOp(it any, op, kind string) bool {
	m, _ := it.(map[string]any)
	key, _ := m["key"].(string)
	return m["op"] == op && strings.HasPrefix(key, kind+":")
}

func dropOp(op, kind string) func(http.Handler) http.Handler {
	return deltas(func(items []any) []any {
		return slices.DeleteFunc(slices.Clone(items), func(it any) bool { return isOp(it, op, kind) })
	})
}

func set(name, value string) func(http.Handler) http.Handler {
	return header(func(_ *http.Request, a *reply) {
		if a.status < 400 {
			a.header.Set(name, value)
		}
	})
}

// later adds a microsecond to a time.
func later(name string) func(http.Handler) http.Handler {
	return query(func(v url.Values) {
		if t, err := time.Parse(time.RFC3339Nano, v.Get(name)); err == nil {
			v.Set(name, t.Add(time.Microsecond).Format(time.RFC3339Nano))
		}
	})
}

// again asks once more, in another way, where the answer fits.
func again(fits func(r *http.Request, a reply) bool, change func(r *http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !listing(r) {
				next.ServeHTTP(w, r)
				return
			}
			if a := recorded(next, r); fits(r, a) {
				r = r.Clone(r.Context())
				change(r)
			}
			next.ServeHTTP(w, r)
		})
	}
}

func refused(status int, name string) func(*http.Request, reply) bool {
	return func(r *http.Request, a reply) bool { return a.status == status && r.URL.Query().Has(name) }
}

func drop(names ...string) func(*http.Request) {
	return func(r *http.Request) {
		v := r.URL.Query()
		for _, name := range names {
			v.Del(name)
		}
		r.URL.RawQuery = v.Encode()
	}
}

// faults are the rules of the server, each broken.
var faults = []fault{
	{"discovery does not list endpoints", []string{"DISC-1", "DISC-2"}, answering(func(r *http.Request, a *reply) {
		if strings.HasSuffix(r.URL.Path, "/ext/discover") {
			a.body = bytes.ReplaceAll(a.body, []byte("_lading/list/tags"), []byte("_lading/list/other"))
		}
	})},
	{"an unknown endpoint is a plain 404", []string{"DISC-3"}, answering(func(_ *http.Request, a *reply) {
		a.body = bytes.ReplaceAll(a.body, []byte("EXTENSION_UNKNOWN"), []byte("NAME_UNKNOWN"))
	})},
	{"items stand in another order", []string{"LIST-4", "LIST-5"}, paging(func(_ *http.Request, _ *reply, _ map[string]any, items []any) []any {
		slices.Reverse(items)
		return items
	})},
	{"an item comes twice", []string{"LIST-1", "PAGE-1", "DELT-3"}, paging(func(_ *http.Request, _ *reply, _ map[string]any, items []any) []any {
		if len(items) > 0 {
			items = append(items, items[len(items)-1])
		}
		return items
	})},
	{"the last item of a page is lost", []string{"PAGE-1", "DELT-14"}, paging(func(_ *http.Request, a *reply, _ map[string]any, items []any) []any {
		if a.header.Get("Link") != "" && len(items) > 0 {
			items = items[:len(items)-1]
		}
		return items
	})},
	{"there is no Link", []string{"PAGE-1", "PAGE-2"}, header(func(_ *http.Request, a *reply) { a.header.Del("Link") })},
	{"a page that is not the last has a cursor", []string{"PAGE-2"}, paging(func(_ *http.Request, a *reply, page map[string]any, items []any) []any {
		if a.header.Get("Link") != "" {
			page["cursor"] = "cursor"
			a.header.Set("Etag", `"cursor"`)
			a.header.Set("Lading-Cursor", "cursor")
		}
		return items
	})},
	{"the last page has no cursor", []string{"LIST-6", "PAGE-2", "CURS-2"}, paging(func(_ *http.Request, a *reply, page map[string]any, items []any) []any {
		delete(page, "cursor")
		a.header.Del("Etag")
		a.header.Del("Lading-Cursor")
		return items
	})},
	{"the ETag is not the cursor", []string{"CURS-2"}, set("Etag", `"other"`)},
	{"a view has a cursor", []string{"LIST-6"}, paging(func(r *http.Request, a *reply, page map[string]any, items []any) []any {
		if r.URL.Query().Has("order") {
			page["cursor"] = "cursor"
			a.header.Set("Etag", `"cursor"`)
			a.header.Set("Lading-Cursor", "cursor")
		}
		return items
	})},
	{"n is not looked at", []string{"PAGE-3"}, without("n")},
	{"a namespace is a prefix", []string{"LIST-8"}, query(func(v url.Values) {
		if ns := v.Get("namespace"); ns != "" && !v.Has("prefix") {
			v.Del("namespace")
			v.Set("prefix", ns)
		}
	})},
	{"the namespaces view does not tell of repositories", []string{"LIST-9"}, items(func(it map[string]any) any {
		if it["namespace"] != nil {
			it["repository"] = false
		}
		return it
	})},
	{"truncated annotations are not told of", []string{"LIST-11"}, answering(func(_ *http.Request, a *reply) {
		a.body = bytes.ReplaceAll(a.body, []byte(`,"annotationsTruncated":true`), nil)
	})},
	{"tagCount is the number of tags shown", []string{"LIST-12"}, items(func(it map[string]any) any {
		if tags, ok := it["tags"].([]any); ok {
			it["tagCount"] = len(tags)
		}
		return it
	})},
	{"the artifact type is the manifest's alone", []string{"LIST-3"}, answering(func(_ *http.Request, a *reply) {
		a.body = bytes.ReplaceAll(a.body, []byte(`"artifactType":"application/vnd.conformance.config",`), nil)
		a.body = bytes.ReplaceAll(a.body, []byte(`,"artifactType":"application/vnd.conformance.config"`), nil)
	})},
	{"a key does not name its item", []string{"LIST-2"}, items(func(it map[string]any) any { it["key"] = fmt.Sprint(it["key"], "x"); return it })},
	{"incarnations are all the same", []string{"LIST-1", "DELT-9"}, items(func(it map[string]any) any {
		if it["incarnation"] != nil {
			it["incarnation"] = "one"
		}
		return it
	})},
	{"rev does not grow", []string{"DELT-17"}, items(func(it map[string]any) any {
		if it["rev"] != nil {
			it["rev"] = 1
		}
		return it
	})},
	{"an upload makes a repository", []string{"LIST-14"}, answering(func(r *http.Request, a *reply) {
		if a.status == http.StatusNotFound && listing(r) && strings.Contains(r.URL.Path, "/uploads/") {
			a.status, a.body = http.StatusOK, []byte(`{"kind":"list","items":[]}`)
		}
	})},
	{"prefix is not looked at", []string{"FILT-1"}, without("prefix")},
	{"exclude is not looked at", []string{"FILT-2", "DELT-12"}, without("exclude")},
	{"type is not looked at", []string{"FILT-3", "DELT-10", "WTCH-13"}, without("type")},
	{"platform is not looked at", []string{"FILT-4"}, without("platform")},
	{"tagged is not looked at", []string{"FILT-5"}, without("tagged")},
	{"subject is not looked at", []string{"FILT-6", "FILT-9"}, without("subject")},
	{"created_after is exclusive", []string{"FILT-7"}, later("created_after")},
	{"created_before is inclusive", []string{"FILT-7"}, later("created_before")},
	{"modified_after is exclusive", []string{"FILT-8"}, later("modified_after")},
	{"unknown parameters are ignored", []string{"PARM-1", "WTCH-15"}, without("limit", "last", "Namespace", "artifactType", "N", "x")},
	{"misplaced parameters are ignored", []string{"PARM-2"}, again(refused(400, "type"), drop("type", "tagged"))},
	{"bad values are ignored", []string{"PARM-3"}, again(refused(400, "order"), drop("order"))},
	{"what is given twice is ignored", []string{"PARM-4"}, again(refused(400, "n"), drop("n"))},
	{"an error does not name the parameter", []string{"PARM-1", "PARM-3"}, answering(func(_ *http.Request, a *reply) {
		a.body = bytes.ReplaceAll(a.body, []byte(`"detail":{"parameter"`), []byte(`"detail":{"name"`))
	})},
	{"a page token goes with other parameters", []string{"PAGE-4"}, again(refused(400, "page"), drop("prefix", "order", "since", "namespace"))},
	{"a forged page token begins anew", []string{"PAGE-5"}, again(refused(400, "page"), drop("page"))},
	{"a view in lines has no last line", []string{"FORM-4"}, answering(func(_ *http.Request, a *reply) {
		a.body = bytes.ReplaceAll(a.body, []byte("{\"end\":true}\n"), nil)
	})},
	{"lines are without the cursor", []string{"FORM-2"}, header(func(_ *http.Request, a *reply) {
		if i := bytes.LastIndex(a.body, []byte(`{"cursor":`)); i >= 0 && a.header.Get("Content-Type") == "application/x-ndjson" {
			a.body = a.body[:i]
		}
	})},
	{"lines cannot be resumed", []string{"FORM-3"}, header(func(_ *http.Request, a *reply) {
		if a.header.Get("Content-Type") == "application/x-ndjson" {
			var kept [][]byte
			for _, line := range bytes.SplitAfter(a.body, []byte("\n")) {
				if !bytes.HasPrefix(line, []byte(`{"page":`)) {
					kept = append(kept, line)
				}
			}
			a.body = bytes.Join(kept, nil)
		}
	})},
	{"an index does not name the tags", []string{"FORM-6", "FORM-7"}, answering(func(_ *http.Request, a *reply) {
		a.body = bytes.ReplaceAll(a.body, []byte("org.opencontainers.image.ref.name"), []byte("name"))
	})},
	{"Accept is not looked at", []string{"FORM-2", "FORM-6"}, asking(func(r *http.Request) {
		if listing(r) {
			r.Header.Del("Accept")
		}
	})},
	{"cursors of one state are equal", []string{"CURS-11"}, sameCursors()},
	{"a cursor is not of the form", []string{"CURS-1"}, paging(func(_ *http.Request, a *reply, page map[string]any, items []any) []any {
		if c, ok := page["cursor"].(string); ok {
			page["cursor"] = c + "="
			a.header.Set("Etag", `"`+c+`="`)
			a.header.Set("Lading-Cursor", c+"=")
		}
		return items
	})},
	{"since= with nothing new is 304", []string{"CURS-2"}, paging(func(r *http.Request, a *reply, _ map[string]any, items []any) []any {
		if r.URL.Query().Has("since") && len(items) == 0 {
			a.status = http.StatusNotModified
		}
		return items
	})},
	{"since=now is the full listing", []string{"CURS-3"}, query(func(v url.Values) {
		if v.Get("since") == "now" {
			v.Set("since", "none")
		}
	})},
	{"If-None-Match is not looked at", []string{"CURS-4", "CURS-6", "SCOP-1"}, asking(func(r *http.Request) { r.Header.Del("If-None-Match") })},
	{"304 without a cursor", []string{"CURS-4"}, header(func(_ *http.Request, a *reply) {
		if a.status == http.StatusNotModified {
			a.header.Del("Lading-Cursor")
		}
	})},
	{"304 with another ETag", []string{"CURS-4", "CURS-15"}, header(func(_ *http.Request, a *reply) {
		if a.status == http.StatusNotModified {
			a.header.Set("Etag", `"`+a.header.Get("Lading-Cursor")+`"`)
		}
	})},
	{"304 though something is new", []string{"CURS-5"}, header(func(r *http.Request, a *reply) {
		if r.Header.Get("If-None-Match") != "" && r.Header.Get("A-Im") == "" {
			a.status = http.StatusNotModified
		}
	})},
	{"a delta is 200", []string{"CURS-6"}, header(func(_ *http.Request, a *reply) {
		if a.status == http.StatusIMUsed {
			a.status = http.StatusOK
		}
	})},
	{"226 does not say what to", []string{"CURS-6"}, header(func(_ *http.Request, a *reply) { a.header.Del("Delta-Base") })},
	{"later pages of a 226 are 226", []string{"CURS-7"}, paging(func(r *http.Request, a *reply, page map[string]any, items []any) []any {
		if page["kind"] == "delta" && r.URL.Query().Has("page") {
			a.status = http.StatusIMUsed
		}
		return items
	})},
	{"a forged cursor is the full listing", []string{"CURS-8", "CURS-9", "HIDE-4"}, again(refused(400, "since"), drop("since"))},
	{"an unknown ETag is an error", []string{"CURS-10"}, header(func(r *http.Request, a *reply) {
		if r.Header.Get("If-None-Match") != "" && a.status == http.StatusOK {
			a.status = http.StatusPreconditionFailed
		}
	})},
	{"since= goes with a view", []string{"CURS-13"}, again(refused(400, "since"), drop("order", "view", "modified_after"))},
	{"a cursor that is too old is 400", []string{"CURS-14"}, header(func(_ *http.Request, a *reply) {
		if a.status == http.StatusGone {
			a.status = http.StatusBadRequest
		}
	})},
	{"410 does not say where to begin", []string{"CURS-14"}, answering(func(_ *http.Request, a *reply) {
		a.body = bytes.ReplaceAll(a.body, []byte(`"resync"`), []byte(`"sync"`))
	})},
	{"a deleted tag is not told", []string{"DELT-6", "PAGE-7", "FORM-5"}, everyForm("remove", "tag")},
	{"a deleted manifest is not told", []string{"DELT-7", "DELT-10"}, dropOp("remove", "manifest")},
	{"a deleted repository is not told", []string{"DELT-8", "SCOP-2"}, dropOp("remove", "repository")},
	{"a reset is not told", []string{"DELT-9", "SCOP-3"}, dropOp("reset", "repository")},
	{"new items are not told", []string{"DELT-1", "DELT-11"}, dropOp("put", "tag")},
	{"of a moved tag the manifests are not told", []string{"DELT-2"}, dropOp("put", "manifest")},
	{"a reset comes after the content", []string{"DELT-9"}, deltas(func(items []any) []any { slices.Reverse(items); return items })},
	{"a repository is deleted with 200", []string{"DELT-8"}, answering(func(r *http.Request, a *reply) {
		if r.Method == http.MethodDelete && a.status == http.StatusAccepted {
			a.status = http.StatusOK
		}
	})},
	{"of a deleted repository since= is 404", []string{"SCOP-2"}, paging(func(r *http.Request, a *reply, _ map[string]any, items []any) []any {
		if len(items) == 1 && isOp(items[0], "remove", "repository") && !strings.HasPrefix(r.URL.Path, "/v2/_lading") {
			a.status = http.StatusNotFound
		}
		return items
	})},
	{"wait= is not looked at", []string{"WAIT-1", "WAIT-2", "WAIT-3"}, without("wait")},
	{"listings are public", []string{"CACH-1"}, set("Cache-Control", "public, max-age=3600")},
	{"deltas are stored", []string{"CACH-2"}, set("Cache-Control", "private, no-cache")},
	{"answers do not vary", []string{"CACH-3"}, header(func(_ *http.Request, a *reply) { a.header.Del("Vary") })},
	{"errors are stored", []string{"CACH-4"}, answering(func(_ *http.Request, a *reply) {
		if a.status >= 400 {
			a.header.Del("Cache-Control")
		}
	})},
	{"cursors are not demanded", []string{"COST-1"}, asking(func(r *http.Request) {
		if v := r.URL.Query(); listing(r) && !v.Has("since") && !v.Has("page") && r.Header.Get("If-None-Match") == "" {
			v.Set("since", "none")
			r.URL.RawQuery = v.Encode()
		}
	})},
	{"too much is refused without a word of when", []string{"COST-2", "COST-4"}, answering(func(_ *http.Request, a *reply) { a.header.Del("Retry-After") })},
	{"too much is an internal failure", []string{"COST-2", "COST-4"}, answering(func(_ *http.Request, a *reply) {
		if a.status == http.StatusTooManyRequests {
			a.status = http.StatusInternalServerError
		}
	})},
	{"all come back at once", []string{"COST-3"}, answering(func(_ *http.Request, a *reply) {
		if a.status == http.StatusTooManyRequests {
			a.header.Set("Retry-After", "1")
		}
	})},
	{"everybody sees everything", []string{"HIDE-1", "HIDE-2", "HIDE-3", "HIDE-6", "WTCH-18"}, as("ada", always)},
	{"cursors are for everybody", []string{"HIDE-4"}, as("ada", has("since"))},
	{"page tokens are for everybody", []string{"HIDE-5"}, as("ada", has("page"))},
	{"what is hidden is forbidden", []string{"HIDE-2"}, answering(func(r *http.Request, a *reply) {
		if strings.Contains(r.URL.Path, "/secret/") && a.status == http.StatusNotFound && !strings.Contains(r.URL.Path, "/r9/") {
			a.status = http.StatusForbidden
		}
	})},
	{"hidden items leave empty pages", []string{"HIDE-1"}, emptyPages()},
	{"tags/list is in no order", []string{"KEPT-2"}, answering(func(r *http.Request, a *reply) {
		if strings.HasSuffix(r.URL.Path, "/tags/list") {
			a.body = bytes.ReplaceAll(a.body, []byte(`"1.0","10.0"`), []byte(`"10.0","1.0"`))
		}
	})},
	{"a repository's listing leaves out what has no tag", []string{"LIST-7"}, paging(func(r *http.Request, _ *reply, _ map[string]any, items []any) []any {
		if strings.HasPrefix(r.URL.Path, "/v2/_lading") {
			return items
		}
		return changed(items, func(it map[string]any) any {
			if it["tags"] == nil && it["tag"] == nil {
				return nil
			}
			return it
		})
	})},
	{"there are no stats", []string{"LIST-10"}, items(func(it map[string]any) any { delete(it, "stats"); return it })},
	{"a repository that is not there is empty", []string{"LIST-13"}, header(func(_ *http.Request, a *reply) {
		if a.status == http.StatusNotFound {
			a.status, a.body = http.StatusOK, []byte(`{"kind":"list","items":[]}`)
		}
	})},
	{"n may not change from page to page", []string{"PAGE-6"}, header(func(r *http.Request, a *reply) {
		if v := r.URL.Query(); v.Has("page") && v.Get("n") == "2" {
			a.status = http.StatusBadRequest
		}
	})},
	{"an Accept that is not understood is 406", []string{"FORM-1"}, header(func(r *http.Request, a *reply) {
		if r.Header.Get("Accept") == "text/html" {
			a.status = http.StatusNotAcceptable
		}
	})},
	{"a cursor is good once", []string{"CURS-12"}, onceOnly()},
	{"the order of parameters matters", []string{"CURS-16"}, header(func(r *http.Request, a *reply) {
		if v := r.URL.Query(); v.Has("since") && !slices.IsSorted(v["prefix"]) {
			a.status = http.StatusBadRequest
		}
	})},
	{"what is gone is told as a put", []string{"DELT-4"}, deltas(func(items []any) []any {
		for _, it := range items {
			it.(map[string]any)["op"] = "put"
		}
		return items
	})},
	{"what came again is told as gone", []string{"DELT-5"}, deltas(func(items []any) []any {
		for i, it := range items {
			items[i] = map[string]any{"op": "remove", "key": it.(map[string]any)["key"], "repository": it.(map[string]any)["repository"]}
		}
		return items
	})},
	{"later pages of a delta are lost", []string{"DELT-15", "DELT-14"}, paging(func(r *http.Request, _ *reply, page map[string]any, items []any) []any {
		if page["kind"] == "delta" && r.URL.Query().Has("page") {
			return []any{}
		}
		return items
	})},
	{"a push that changes nothing is told", []string{"DELT-16"}, deltas(func(items []any) []any {
		return append(items, map[string]any{"op": "remove", "key": "tag:a:b", "repository": "a"})
	})},
	{"an emptied repository is gone", []string{"SCOP-4"}, paging(func(r *http.Request, a *reply, _ map[string]any, items []any) []any {
		if len(items) == 0 && !strings.HasPrefix(r.URL.Path, "/v2/_lading") {
			a.status = http.StatusNotFound
		}
		return items
	})},
	{"_catalog does not look at last", []string{"KEPT-1"}, asking(func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_catalog") {
			drop("last")(r)
		}
	})},
	{"today's endpoints refuse what they do not know", []string{"KEPT-3"}, answering(func(r *http.Request, a *reply) {
		if !listing(r) && r.URL.Query().Has("x") {
			a.status = http.StatusBadRequest
		}
	})},
	{"a history begins with the oldest", []string{"DRFT-2"}, answering(func(r *http.Request, a *reply) {
		var index map[string]any
		if strings.Contains(r.URL.Path, "/tag-history/") && json.Unmarshal(a.body, &index) == nil {
			slices.Reverse(index["manifests"].([]any))
			a.body, _ = json.Marshal(index)
		}
	})},
	{"a draft's namespace is not looked at", []string{"DRFT-1"}, asking(func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_oci/repositories") {
			r.URL.Path = "/v2/_oci/repositories"
		}
	})},
	{"tags as an index are in one order", []string{"DRFT-3"}, asking(drop("sort_order"))},

	{"a change is not told", []string{"WTCH-1", "WTCH-3"}, lines(func(line []byte) []byte {
		return bytes.ReplaceAll(line, []byte("event: manifest.updated"), []byte("event: bookmark"))
	})},
	{"a stream may be stored", []string{"WTCH-2"}, onStream(func(h http.Header) { h.Set("Cache-Control", "public") })},
	{"every event has an id", []string{"WTCH-4"}, lines(func(line []byte) []byte {
		if bytes.HasPrefix(line, []byte("event:")) {
			return append([]byte("id: x\n"), line...)
		}
		return line
	})},
	{"no event has an id", []string{"WTCH-4", "WTCH-12"}, lines(func(line []byte) []byte {
		if bytes.HasPrefix(line, []byte("id:")) {
			return nil
		}
		return line
	})},
	{"Last-Event-ID is not looked at", []string{"WTCH-5"}, asking(func(r *http.Request) { r.Header.Del("Last-Event-Id") })},
	{"since= of a stream is not looked at", []string{"WTCH-5", "WTCH-7"}, asking(func(r *http.Request) {
		if watching(r) {
			drop("since")(r)
		}
	})},
	{"nothing is synced", []string{"WTCH-6"}, lines(func(line []byte) []byte {
		return bytes.ReplaceAll(line, []byte("event: synced"), []byte("event: bookmark"))
	})},
	{"state is told as creation", []string{"WTCH-6"}, lines(func(line []byte) []byte {
		return bytes.ReplaceAll(line, []byte(".state"), []byte(".created"))
	})},
	{"kinds is not looked at", []string{"WTCH-8"}, without("kinds")},
	{"actions is not looked at", []string{"WTCH-9"}, without("actions")},
	{"data is not looked at", []string{"WTCH-10"}, without("data")},
	{"prev_rev does not chain", []string{"WTCH-11"}, events(func(e map[string]any) { e["data"].(map[string]any)["prev_rev"] = 1 })},
	{"an event is no CloudEvent", []string{"WTCH-1", "WTCH-3"}, events(func(e map[string]any) { delete(e, "subject") })},
	{"an event has the source of another", []string{"WTCH-3"}, events(func(e map[string]any) { e["source"] = "https://example.org/" })},
	{"a tag's earlier manifest is not told", []string{"WTCH-3"}, events(func(e map[string]any) { delete(e["data"].(map[string]any), "previous") })},
	{"the end of a repository is not told", []string{"WTCH-14", "WTCH-17"}, events(func(e map[string]any) {
		if d := e["data"].(map[string]any); d["op"] != "put" && strings.HasPrefix(d["key"].(string), "repository:") {
			d["key"], e["subject"] = "tag:"+fmt.Sprint(e["partitionkey"])+":none", "tag:"+fmt.Sprint(e["partitionkey"])+":none"
		}
	})},
	{"a stream of a cursor that is too old begins now", []string{"WTCH-19"}, asking(func(r *http.Request) {
		if watching(r) {
			drop("since")(r)
			r.Header.Del("Last-Event-Id")
		}
	})},
	{"a stream of a forged cursor begins now", []string{"WTCH-16"}, asking(func(r *http.Request) {
		if watching(r) {
			drop("since")(r)
			r.Header.Del("Last-Event-Id")
		}
	})},
}
