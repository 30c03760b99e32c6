package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lading-dev/lading"
)

const (
	d256 = lading.Digest("sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	d512 = lading.Digest("sha512:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
)

var yes = true

// parsed are URLs as their requests write them.
var parsed = slices.Concat(parsedRequests, parsedWatches)

var parsedRequests = []struct {
	method, url string
	want        Request
}{
	{"GET", "/v2/", Request{Action: ActionBase}},
	{"HEAD", "/v2/", Request{Action: ActionBase, Head: true}},
	{"GET", "/v2/a/blobs/" + string(d256), Request{Action: ActionBlobGet, Repository: "a", Digest: d256}},
	{"HEAD", "/v2/a/blobs/" + string(d512), Request{Action: ActionBlobHead, Repository: "a", Digest: d512}},
	{"DELETE", "/v2/a/b/blobs/" + string(d256), Request{Action: ActionBlobDelete, Repository: "a/b", Digest: d256}},
	{"POST", "/v2/a/blobs/uploads/", Request{Action: ActionUploadStart, Repository: "a"}},
	{"POST", "/v2/a/blobs/uploads/?digest-algorithm=sha512", Request{Action: ActionUploadStart, Repository: "a", Algorithm: "sha512"}},
	{"POST", "/v2/a/blobs/uploads/?digest=" + esc(d256), Request{Action: ActionUploadWhole, Repository: "a", Digest: d256}},
	{"POST", "/v2/a/blobs/uploads/?from=b%2Fc&mount=" + esc(d256), Request{Action: ActionUploadMount, Repository: "a", Digest: d256, From: "b/c"}},
	{"POST", "/v2/a/blobs/uploads/?mount=" + esc(d256), Request{Action: ActionUploadMount, Repository: "a", Digest: d256}},
	{"GET", "/v2/a/blobs/uploads/-_9Z", Request{Action: ActionUploadStatus, Repository: "a", Upload: "-_9Z"}},
	{"HEAD", "/v2/a/blobs/uploads/u", Request{Action: ActionUploadStatus, Repository: "a", Upload: "u", Head: true}},
	{"PATCH", "/v2/a/blobs/uploads/u", Request{Action: ActionUploadPatch, Repository: "a", Upload: "u"}},
	{"PUT", "/v2/a/blobs/uploads/u?digest=" + esc(d256), Request{Action: ActionUploadPut, Repository: "a", Upload: "u", Digest: d256}},
	{"DELETE", "/v2/a/blobs/uploads/u", Request{Action: ActionUploadCancel, Repository: "a", Upload: "u"}},
	{"GET", "/v2/a/manifests/_T.-", Request{Action: ActionManifestGet, Repository: "a", Reference: lading.Reference{Tag: "_T.-"}}},
	{"HEAD", "/v2/a/manifests/" + string(d256), Request{Action: ActionManifestHead, Repository: "a", Reference: lading.Reference{Digest: d256}}},
	{"PUT", "/v2/a/manifests/t", Request{Action: ActionManifestPut, Repository: "a", Reference: lading.Reference{Tag: "t"}}},
	{"PUT", "/v2/a/manifests/" + string(d256) + "?tag=t&tag=u", Request{Action: ActionManifestPut, Repository: "a", Reference: lading.Reference{Digest: d256}, Tags: []string{"t", "u"}}},
	{"PUT", "/v2/a/manifests/t?from-blob=" + esc(d256), Request{Action: ActionManifestPut, Repository: "a", Reference: lading.Reference{Tag: "t"}, FromBlob: d256}},
	{"PUT", "/v2/a/manifests/" + string(d256) + "?from-blob=" + esc(d512) + "&tag=t", Request{Action: ActionManifestPut, Repository: "a", Reference: lading.Reference{Digest: d256}, FromBlob: d512, Tags: []string{"t"}}},
	{"GET", "/v2/_lading/access/rules", Request{Action: ActionRules}},
	{"HEAD", "/v2/_lading/access/rules/a-b", Request{Action: ActionRuleGet, Rule: "a-b", Head: true}},
	{"PUT", "/v2/_lading/access/rules/a", Request{Action: ActionRulePut, Rule: "a"}},
	{"GET", "/v2/_lading/audit", Request{Action: ActionAudit, Audit: &lading.AuditQuery{}}},
	{"HEAD", "/v2/_lading/audit?action=tag_delete&actor=user%3Aada&after=1-2&n=5&namespace=acme&order=oldest&outcome=refused&since=2026-01-01T00%3A00%3A00Z&until=2026-02-01T00%3A00%3A00Z",
		Request{Action: ActionAudit, Head: true, Audit: &lading.AuditQuery{Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
			Actor: "user:ada", Action: "tag_delete", Outcome: lading.AuditRefused, Namespace: "acme", Oldest: true, N: 5, After: "1-2"}}},
	{"DELETE", "/v2/_lading/access/rules/a", Request{Action: ActionRuleDelete, Rule: "a"}},
	{"GET", "/v2/_lading/access/explain?group=d&group=e&repository=a%2Fb&subject=user%3Aada&verb=pull",
		Request{Action: ActionExplain, Explain: &ExplainQuery{Subject: "user:ada", Groups: []string{"d", "e"}, Verb: lading.VerbPull, Repository: "a/b"}}},
	{"GET", "/v2/_lading/access/whoami", Request{Action: ActionWhoAmI}},
	{"GET", "/v2/_lading/access/accounts?last=user%3Abob&n=5", Request{Action: ActionAccounts, Limited: true, N: 5, Last: "user:bob"}},
	{"HEAD", "/v2/_lading/access/accounts/user:b.o+b@x", Request{Action: ActionAccountGet, Head: true, Accounts: AccountQuery{Subject: "user:b.o+b@x"}}},
	{"PUT", "/v2/_lading/access/accounts/service:ci", Request{Action: ActionAccountPut, Accounts: AccountQuery{Subject: "service:ci"}}},
	{"DELETE", "/v2/_lading/access/accounts/user:bob", Request{Action: ActionAccountDelete, Accounts: AccountQuery{Subject: "user:bob"}}},
	{"GET", "/v2/_lading/access/tokens?n=5&owner=service%3Aci", Request{Action: ActionAPITokens, Limited: true, N: 5, Accounts: AccountQuery{Owner: "service:ci"}}},
	{"POST", "/v2/_lading/access/tokens", Request{Action: ActionAPITokenCreate}},
	{"GET", "/v2/_lading/access/tokens/a1", Request{Action: ActionAPITokenGet, Accounts: AccountQuery{Token: "a1"}}},
	{"DELETE", "/v2/_lading/access/tokens/a1", Request{Action: ActionAPITokenDelete, Accounts: AccountQuery{Token: "a1"}}},
	{"GET", "/v1/_ping", Request{Action: ActionSearchPing}},
	{"HEAD", "/v1/search?n=25&page=1&q=a%2Fb", Request{Action: ActionSearch, Head: true, Search: lading.SearchQuery{Text: "a/b", N: 25, Page: 1}}},
	{"DELETE", "/v2/a/manifests/t", Request{Action: ActionManifestDelete, Repository: "a", Reference: lading.Reference{Tag: "t"}}},
	{"GET", "/v2/a/tags/list", Request{Action: ActionTagsList, Repository: "a"}},
	{"GET", "/v2/a/tags/list?last=t&n=0", Request{Action: ActionTagsList, Repository: "a", Limited: true, Last: "t"}},
	{"GET", "/v2/_catalog?n=10000", Request{Action: ActionCatalog, Limited: true, N: 10000}},
	{"GET", "/v2/a/referrers/blake3:x?artifactType=", Request{Action: ActionReferrers, Repository: "a", Digest: "blake3:x", Filtered: true}},
	{"GET", "/v2/a/referrers/" + string(d256) + "?artifactType=x%2Fy&last=" + esc(d256) + "&n=7", Request{Action: ActionReferrers, Repository: "a", Digest: d256, Filtered: true, ArtifactType: "x/y", Limited: true, N: 7, Last: string(d256)}},
	{"GET", "/v2/_oci/repositories", Request{Action: ActionDraftNames}},
	{"HEAD", "/v2/a/b/_oci/repositories?last=a%2Fb&n=0", Request{Action: ActionDraftNames, Repository: "a/b", Head: true, Limited: true, Last: "a/b"}},
	{"GET", "/v2/a/_oci/tag-history/_t", Request{Action: ActionTagHistory, Repository: "a", Reference: lading.Reference{Tag: "_t"}, History: &lading.HistoryQuery{}}},
	{"GET", "/v2/a/_oci/tag-history/t?before=2026-08-01T10%3A00%3A01Z&digest=" + esc(d256) + "&n=7&since=2026-08-01T10%3A00%3A00Z", Request{Action: ActionTagHistory, Repository: "a",
		Reference: lading.Reference{Tag: "t"}, Limited: true, N: 7, History: &lading.HistoryQuery{Since: memTime, Before: memTime.Add(time.Second), Digest: d256}}},
	{"GET", "/v2/_oci/ext/discover", Request{Action: ActionDiscover}},
	{"GET", "/v2/a/_oci/ext/discover", Request{Action: ActionDiscover, Repository: "a"}},
	{"DELETE", "/v2/a/_lading/manage/repository", Request{Action: ActionRepositoryDelete, Repository: "a"}},
	{"GET", "/v2/_lading/types/definitions", Request{Action: ActionDefinitions}},
	{"HEAD", "/v2/_lading/types/definitions/a-1", Request{Action: ActionDefinitionGet, Type: "a-1", Head: true}},
	{"PUT", "/v2/_lading/types/definitions/logo", Request{Action: ActionDefinitionPut, Type: "logo"}},
	{"DELETE", "/v2/_lading/types/definitions/a", Request{Action: ActionDefinitionDelete, Type: "a"}},
	{"GET", "/v2/_lading/types/definitions/a/logo", Request{Action: ActionDefinitionLogo, Type: "a"}},
	{"GET", "/v2/_lading/types/unknown", Request{Action: ActionTypesUnknown}},
	{"GET", "/v2/_lading/types/policies", Request{Action: ActionPolicies}},
	{"HEAD", "/v2/_lading/types/policies/a-1", Request{Action: ActionPolicyGet, Type: "a-1", Head: true}},
	{"PUT", "/v2/_lading/types/policies/a", Request{Action: ActionPolicyPut, Type: "a"}},
	{"DELETE", "/v2/_lading/types/policies/a", Request{Action: ActionPolicyDelete, Type: "a"}},
	{"GET", "/v2/_lading/list/namespaces?namespace=a%2Fb&view=stats", Request{Action: ActionList, Query: lading.Query{Kind: "namespaces", Scope: lading.Scope{Namespace: "a/b"}, Stats: true}}},
	{"GET", "/v2/a/_lading/list/tags?page=x.y-z_&n=3", Request{Action: ActionList, Repository: "a", Query: lading.Query{Kind: "tags", Scope: lading.Scope{Repository: "a"}, Page: "x.y-z_", N: 3}}},
	{"GET", "/v2/_lading/list/manifests?" +
		"namespace=a&prefix=b&prefix=c%2F&exclude=d%2A&type=x%2Fy&platform=linux%2Farm%2Fv7&tagged=true&subject=" + esc(d256) +
		"&created_after=2026-08-01T10%3A00%3A00Z&created_before=2026-08-01T10%3A00%3A00.5Z&n=5&since=c.9&wait=60",
		Request{Action: ActionList, Query: lading.Query{
			Kind: "manifests", N: 5, Since: "c.9", Wait: time.Minute,
			Scope: lading.Scope{
				Namespace: "a", Prefix: []string{"b", "c/"}, Exclude: []string{"d*"}, Types: []string{"x/y"},
				Platforms: []string{"linux/arm/v7"}, Tagged: &yes, Subject: d256,
				CreatedAfter: memTime, CreatedBefore: memTime.Add(time.Second / 2),
			},
		}}},
	{"GET", "/v2/_lading/list/repositories?order=created&since=none", Request{Action: ActionList, Query: lading.Query{Kind: "repositories", Order: lading.OrderCreated, Since: "none"}}},
	{"GET", "/v2/_lading/list/repositories?order=-modified&modified_after=2026-08-01T10%3A00%3A00Z&modified_before=2026-08-01T10%3A00%3A01Z",
		Request{Action: ActionList, Query: lading.Query{
			Kind: "repositories", Order: lading.OrderModified, Desc: true,
			Scope: lading.Scope{ModifiedAfter: memTime, ModifiedBefore: memTime.Add(time.Second)},
		}}},
	// Names with components that look like endpoints.
	{"GET", "/v2/blobs/uploads/manifests/list", Request{Action: ActionManifestGet, Repository: "blobs/uploads", Reference: lading.Reference{Tag: "list"}}},
	{"GET", "/v2/manifests/manifests/manifests", Request{Action: ActionManifestGet, Repository: "manifests", Reference: lading.Reference{Tag: "manifests"}}},
	{"GET", "/v2/a/blobs/uploads/tags/list", Request{Action: ActionTagsList, Repository: "a/blobs/uploads"}},
	{"GET", "/v2/a/tags/list/tags/list", Request{Action: ActionTagsList, Repository: "a/tags/list"}},
	{"POST", "/v2/blobs/uploads/blobs/uploads/", Request{Action: ActionUploadStart, Repository: "blobs/uploads"}},
	{"PATCH", "/v2/a/blobs/uploads/blobs/uploads/tags", Request{Action: ActionUploadPatch, Repository: "a/blobs/uploads", Upload: "tags"}},
	{"GET", "/v2/list/manifests/_lading/list/manifests", Request{Action: ActionList, Repository: "list/manifests", Query: lading.Query{Kind: "manifests", Scope: lading.Scope{Repository: "list/manifests"}}}},
	{"GET", "/v2/a/manifests/_lading", Request{Action: ActionManifestGet, Repository: "a", Reference: lading.Reference{Tag: "_lading"}}},
	{"GET", "/v2/a/manifests/_catalog", Request{Action: ActionManifestGet, Repository: "a", Reference: lading.Reference{Tag: "_catalog"}}},
	{"GET", "/v2/v2/v2/referrers/" + string(d256), Request{Action: ActionReferrers, Repository: "v2/v2", Digest: d256}},
}

func esc(d lading.Digest) string { return url.QueryEscape(string(d)) }

func parseURL(t testing.TB, method, target string) (Request, error) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatalf("%q is not a URL: %v", target, err)
	}
	return Parse(method, u.Path, u.RawQuery)
}

func TestParse(t *testing.T) {
	for _, c := range parsed {
		got, err := parseURL(t, c.method, c.url)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s\ngot  %+v, %v\nwant %+v", c.method, c.url, got, err, c.want)
		}
		if m := c.want.Method(); m != c.method {
			t.Errorf("%s %s: written with method %s", c.method, c.url, m)
		}
		again, err := parseURL(t, c.want.Method(), c.want.URL())
		if err != nil || !reflect.DeepEqual(again, c.want) {
			t.Errorf("%s %s: written as %s, which is\n%+v, %v", c.method, c.url, c.want.URL(), again, err)
		}
	}
}

// TestParseAlike are URLs that are read as another one is.
func TestParseAlike(t *testing.T) {
	for _, c := range [][3]string{
		{"GET", "/v2", "/v2/"},
		{"GET", "/v2/?x=%zz", "/v2/"},
		{"POST", "/v2/a/blobs/uploads", "/v2/a/blobs/uploads/"},
		{"POST", "/v2/a/blobs/uploads/?ns=docker.io&mount=", "/v2/a/blobs/uploads/"},
		{"GET", "/v2/a%2Fb/tags/list?n=&last=&x=y", "/v2/a/b/tags/list"},
		{"GET", "/v2/a/tags/list?n=10001", "/v2/a/tags/list?n=10000"},
		{"GET", "/v2/a/tags/list?n=999999999999999999999999", "/v2/a/tags/list?n=10000"},
		{"GET", "/v2/a/referrers/" + string(d256) + "?n=1001", "/v2/a/referrers/" + string(d256) + "?n=1000"},
		{"GET", "/v2/a/manifests/sha256%3A" + string(d256)[7:] + "?ns=docker.io", "/v2/a/manifests/" + string(d256)},
		{"PUT", "/v2/a/manifests/" + string(d256) + "?tag=t&tag=t", "/v2/a/manifests/" + string(d256) + "?tag=t"},
		{"GET", "/v2/_lading/list/tags?created_after=2026-08-01T12:00:00%2B02:00", "/v2/_lading/list/tags?created_after=2026-08-01T10:00:00Z"},
	} {
		got, err := parseURL(t, c[0], c[1])
		want, wantErr := parseURL(t, c[0], c[2])
		if err != nil || wantErr != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v\nwant %+v, %v", c[1], got, err, want, wantErr)
		}
	}
}

// TestActionsHaveNames: every action that a URL can mean has a name of its own
// in logs and figures.
func TestActionsHaveNames(t *testing.T) {
	seen := map[string]Action{}
	for _, p := range parsed {
		a := p.want.Action
		name := a.String()
		if other, ok := seen[name]; ok && other != a || name == "unknown" || name == "" || int(a) >= ActionCount {
			t.Errorf("action %d is called %q", a, name)
		}
		seen[name] = a
	}
}

func TestPutTagsAreBounded(t *testing.T) {
	for n, ok := range map[int]bool{100: true, 101: false} {
		_, err := Parse("PUT", "/v2/a/manifests/"+string(d256), strings.Repeat("tag=t&", n))
		if (err == nil) != ok {
			t.Errorf("%d tags: %v", n, err)
		}
	}
}

// TestLimits holds what transcripts cannot show: how long what is accepted may
// be at most.
func TestLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, c := range []struct {
		what     string
		accepted bool
	}{
		{"upload of 128", validUpload(long(128))},
		{"upload of 129", !validUpload(long(129))},
		{"no upload", !validUpload("")},
		{"cursor of 16 KiB", validToken(long(16 << 10))},
		{"a longer one", !validToken(long(16<<10 + 1))},
		{"no cursor", !validToken("")},
		{"last= of 255", validLast(long(255))},
		{"last= of 256", !validLast(long(256))},
		{"subject of 255", subjectOK("x:" + long(253))},
		{"subject of 256", !subjectOK("x:" + long(254))},
		{"query of 4096", listOK("prefix=" + long(100) + strings.Repeat("&prefix="+long(99), 37) + "&prefix=" + long(22))},
		{"query of 4097", !listOK("prefix=" + long(100) + strings.Repeat("&prefix="+long(99), 37) + "&prefix=" + long(23))},
		{"a page may be longer", listOK("page=" + long(8000))},
	} {
		if !c.accepted {
			t.Error(c.what)
		}
	}
}

func subjectOK(s string) bool {
	_, err := parseSubject(s)
	return err == nil
}

func listOK(query string) bool {
	_, err := Parse("GET", "/v2/_lading/list/tags", query)
	return err == nil
}

// The grammars, as the specifications write them.
var (
	nameGrammar      = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagGrammar       = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	digestGrammar    = regexp.MustCompile(`^[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$`)
	chunkGrammar     = regexp.MustCompile(`^[0-9]+-[0-9]+$`)
	mediaTypeGrammar = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*$`)
)

func FuzzGrammar(f *testing.F) {
	for _, s := range []string{"", "a", "a/b", "a__b/c--d", "a___b", "a.-b", "A", "-", "a-", "_a", "a//b", "a\n", "sha256:ab", "a+b:c=", "x/y", strings.Repeat("a", 256), string(d256)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := validName(s), nameGrammar.MatchString(s) && len(s) <= 255; got != want {
			t.Errorf("name %q: %v", s, got)
		}
		if got, want := validTag(s), tagGrammar.MatchString(s); got != want {
			t.Errorf("tag %q: %v", s, got)
		}
		if got, want := validMediaType(s), mediaTypeGrammar.MatchString(s) && len(s) <= 255; got != want {
			t.Errorf("media type %q: %v", s, got)
		}
		if d, err := parseDigest(s); err == nil && d.Validate() != nil {
			t.Errorf("digest %q: %v", s, d.Validate())
		} else if err != nil && lading.Digest(s).Validate() == nil {
			t.Errorf("digest %q: %v", s, err)
		}
		if _, err := parseSubject(s); err == nil && !digestGrammar.MatchString(s) {
			t.Errorf("subject %q", s)
		}
	})
}

// FuzzParse holds that a request that was understood is of valid form, and
// that its URL is understood as the same request.
func FuzzParse(f *testing.F) {
	for _, c := range parsed {
		path, query, _ := strings.Cut(c.url, "?")
		f.Add(c.method, path, query)
	}
	f.Add("GET", "/v2/../x/tags/list", "n=\x00&n=%00")
	f.Add("PUT", "/v2/a/manifests/sha256:x", "tag=%ff;")
	f.Fuzz(func(t *testing.T, method, path, query string) {
		q, err := Parse(method, path, query)
		if err != nil {
			checkParseError(t, err)
			return
		}
		checkRequest(t, q)
		if m := q.Method(); m != method {
			t.Errorf("%s %q: written with method %s", method, path, m)
		}
		again, err := parseURL(t, q.Method(), q.URL())
		if err != nil || !reflect.DeepEqual(again, q) {
			t.Errorf("%s %q %q:\n%+v, written as %s\n%+v, %v", method, path, query, q, q.URL(), again, err)
		}
	})
}

func checkParseError(t *testing.T, err error) {
	var e *lading.Error
	if !errors.As(err, &e) {
		t.Fatalf("not a lading.Error: %v", err)
	}
	if status, _ := statusOf(e.Code); status < 400 || status >= 500 {
		t.Errorf("%v is shown as %d", err, status)
	}
}

func checkRequest(t *testing.T, q Request) {
	for _, name := range []string{q.Repository, q.From, q.Query.Scope.Namespace} {
		if name != "" && !nameGrammar.MatchString(name) {
			t.Errorf("name %q got through", name)
		}
	}
	for _, tag := range append(q.Tags, q.Reference.Tag) {
		if tag != "" && !tagGrammar.MatchString(tag) {
			t.Errorf("tag %q got through", tag)
		}
	}
	for _, d := range []lading.Digest{q.Digest, q.Reference.Digest} {
		if d != "" && d.Validate() != nil && q.Action != ActionReferrers {
			t.Errorf("digest %q got through", d)
		}
	}
	if !validUpload(q.Upload) && q.Upload != "" {
		t.Errorf("upload %q got through", q.Upload)
	}
	if q.N < 0 || q.N > maxNames || q.Query.N < 0 || q.Query.N > lading.MaxPage || q.Query.Wait < 0 || q.Query.Wait > lading.MaxWait {
		t.Errorf("n %d, %d or wait %v got through", q.N, q.Query.N, q.Query.Wait)
	}
	if text := q.Last + q.ArtifactType + q.Query.Page + q.Query.Since + strings.Join(q.Query.Scope.Prefix, ""); strings.ContainsAny(text, "\x00\n ") || !utf8.ValidString(text) {
		t.Errorf("%+v got through", q)
	}
}

func FuzzParseList(f *testing.F) {
	for _, c := range parsed {
		if c.want.Action == ActionList {
			_, query, _ := strings.Cut(c.url, "?")
			f.Add(string(c.want.Query.Kind), c.want.Repository, query)
		}
	}
	f.Fuzz(func(t *testing.T, kind, repo, query string) {
		v, err := url.ParseQuery(query)
		if err != nil || placeOf(lading.Kind(kind), repo) == 0 || repo != "" && !validName(repo) {
			return
		}
		q, err := parseList(lading.Kind(kind), repo, v)
		if err != nil {
			checkParseError(t, err)
			return
		}
		again := url.Values{}
		addListParameters(again, q)
		for name := range v {
			if _, ok := again[name]; !ok && name != "wait" {
				t.Errorf("%q: %s was ignored", query, name)
			}
		}
	})
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"0-0", "5-9", "9-5", "-1", "1-", "0-9223372036854775807", "00-01", "1-2-3", "٣-٤"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseContentRange(s)
		if err == nil && (!chunkGrammar.MatchString(s) || c.size() < 1 || c.first < 0) {
			t.Errorf("%q is %+v of %d bytes", s, c, c.size())
		}
	})
}

func FuzzETags(f *testing.F) {
	for _, s := range []string{`"a"`, `W/"a", "b"`, `*`, `,, "a",`, `"a`, `a"`, `w/"a"`, `"a" "b"`, `W/`, "\"a\x00\"", `"",*`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		left := len(s)
		for tag, rest, ok := nextETag(s); ok; tag, rest, ok = nextETag(rest) {
			if len(rest) >= left {
				t.Fatalf("%q: no way on at %q", s, rest)
			}
			left = len(rest)
			if !tag.any && tag.raw != `"`+tag.opaque+`"` && tag.raw != `W/"`+tag.opaque+`"` || !strings.Contains(s, tag.raw) {
				t.Errorf("%q holds %+v", s, tag)
			}
		}
	})
}

func TestETags(t *testing.T) {
	for s, want := range map[string][]string{
		``: nil, `"a"`: {"a"}, `W/"a","b" , "c"`: {"a", "b", "c"}, `"a", b, "c"`: {"a"}, `w/"a"`: nil,
		`""`: {""}, `"a b"`: nil, `, ,"a"`: {"a"}, `"ü"`: {"ü"}, `W/ "a"`: nil,
	} {
		var got []string
		for tag, rest, ok := nextETag(s); ok; tag, rest, ok = nextETag(rest) {
			got = append(got, tag.opaque)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestNegotiate(t *testing.T) {
	const index = "application/vnd.oci.image.index.v1+json"
	for _, c := range []struct {
		accept string
		kind   lading.Kind
		want   form
	}{
		{"", "tags", formJSON},
		{"*/*", "tags", formJSON},
		{"text/html, */*;q=0.8", "tags", formJSON},
		{"image/png", "tags", formJSON},
		{mediaTypeList, "tags", formJSON},
		{index, "tags", formIndex},
		{index, "manifests", formIndex},
		{index, "repositories", formJSON},
		{index, "namespaces", formJSON},
		{index + ", */*;q=0.1", "tags", formIndex},
		{index + ";q=0.1, application/json", "tags", formJSON},
		{index + ";q=0", "tags", formJSON},
		{"application/x-ndjson", "repositories", formStream},
		{"APPLICATION/X-NDJSON ; charset=utf-8 ; Q=0.9, */*;q=0.5", "tags", formStream},
		{"application/x-ndjson;q=0.5, application/json;q=0.6", "tags", formJSON},
		{"application/x-ndjson;q=nan", "tags", formJSON},
		{"application/x-ndjson;q=2", "tags", formJSON},
		{"application/x-ndjson," + index, "tags", formStream},
		{"application/x-ndjson;q=0.001", "tags", formStream},
	} {
		if got := negotiate([]string{c.accept}, c.kind); got != c.want {
			t.Errorf("%s, Accept: %s: form %d, want %d", c.kind, c.accept, got, c.want)
		}
	}
	if got := negotiate([]string{"application/x-ndjson;q=0.5", index}, "tags"); got != formIndex {
		t.Errorf("two lines: form %d", got)
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("application/x-ndjson;q=0.5;v=1, */*;q=1e-9")
	f.Add("a/b;q=;q,,;=")
	f.Fuzz(func(t *testing.T, s string) {
		if got := negotiate([]string{s}, lading.KindRepositories); got == formIndex {
			t.Errorf("%q: repositories as an image index", s)
		}
		if wantsDelta([]string{s}) && !strings.Contains(strings.ToLower(s), instanceManipulation) {
			t.Errorf("%q wants a delta", s)
		}
		if q := weight(s); q < 0 || q > 1000 {
			t.Errorf("%q weighs %d", s, q)
		}
	})
}

func TestWantsDelta(t *testing.T) {
	for s, want := range map[string]bool{
		"": false, "lading-delta": true, "gzip, Lading-Delta ;q=0.5": true, "lading-delta;q=0": false,
		"lading-delta;q=0.000": false, "lading-deltas": false, "diffe": false,
	} {
		if got := wantsDelta([]string{s}); got != want {
			t.Errorf("A-IM: %s: %v", s, got)
		}
	}
}

// TestEveryCodeHasAStatus reads the codes of the root package: one that is
// added there and forgotten here would be shown as an internal failure.
func TestEveryCodeHasAStatus(t *testing.T) {
	for _, code := range rootCodes(t) {
		s, ok := statuses[code]
		if !ok || http.StatusText(s.http) == "" || s.http < 400 {
			t.Errorf("%s is not in the table", code)
		}
		if _, shown := statusOf(code); !regexp.MustCompile(`^[A-Z_]+$`).MatchString(string(shown)) {
			t.Errorf("%s is shown as %q: the distribution-spec wants upper-case letters and underscores", code, shown)
		}
	}
}
