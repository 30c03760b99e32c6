package client_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/internal/guard"
	"github.com/lading-dev/lading/internal/httpapi"
)

// failing is a registry that fails with one error, whatever is asked.
type failing struct {
	guard.Closed
	err error
}

func (f failing) List(context.Context, lading.Query) (lading.Listing, error) {
	return lading.Listing{}, f.err
}

func (f failing) Resolve(context.Context, string, lading.Reference) (lading.Descriptor, error) {
	return lading.Descriptor{}, f.err
}

func (f failing) Manifest(context.Context, string, lading.Reference) (lading.Manifest, error) {
	return lading.Manifest{}, f.err
}

func (f failing) DeleteTag(context.Context, string, string, lading.DeleteOptions) error { return f.err }

// codes are the constants Code* of the root package, read from its source: no
// list of them can be forgotten.
func codes(t *testing.T) (all []lading.Code) {
	file, err := parser.ParseFile(token.NewFileSet(), "../errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, lading.Code(s))
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("only %d codes found: look again how errors.go declares them", len(all))
	}
	return all
}

// TestErrors sends every error there is over the wire, and finds the same at
// its other end, of requests too whose answers have no body.
func TestErrors(t *testing.T) {
	for _, code := range codes(t) {
		t.Run(string(code), func(t *testing.T) {
			h := httpapi.New(failing{err: &lading.Error{Code: code, Message: "the words", Detail: map[string]any{"reason": "epoch", "retry_after_s": 7}}}, httpapi.Options{})
			web := httptest.NewServer(h)
			defer web.Close()
			reg := newClient(t, web.URL, client.Options{Retries: -1})
			_, list := reg.List(t.Context(), lading.Query{Kind: lading.KindTags})
			_, head := reg.Resolve(t.Context(), "acme/web", lading.Reference{Tag: "1"})
			for what, err := range map[string]error{"list": list, "head": head, "delete": reg.DeleteTag(t.Context(), "acme/web", "1", lading.DeleteOptions{})} {
				var answer *client.ResponseError
				if !errors.Is(err, &lading.Error{Code: code}) || !errors.As(err, &answer) || answer.Status < 400 || answer.RequestID == "" {
					t.Errorf("%s: %v", what, err)
				}
				if words := lading.AsError(err).Message; words != "the words" && what != "head" {
					t.Errorf("%s: %q", what, words)
				}
			}
		})
	}
}

func TestDetails(t *testing.T) {
	for _, tt := range []struct {
		err  *lading.Error
		want any
	}{
		{lading.ErrCursorExpired.WithDetail(lading.ExpiredDetail{Reason: "retention", RetryAfter: 17}),
			lading.ExpiredDetail{Reason: "retention", RetryAfter: 17, Resync: "/v2/_lading/list/tags?prefix=a"}},
		{lading.InvalidParameter("prefix", "too odd"), lading.ParameterDetail{Parameter: "prefix", Reason: "too odd"}},
		{lading.ErrTypeRefused.WithDetail([]string{"helm"}), []string{"helm"}},
		{lading.ErrNameUnknown, nil},
	} {
		web := httptest.NewServer(httpapi.New(failing{err: tt.err}, httpapi.Options{}))
		_, err := newClient(t, web.URL, client.Options{}).List(t.Context(), lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Prefix: []string{"a"}}, Since: "x"})
		if got := lading.AsError(err).Detail; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %#v", tt.err.Code, got)
		}
		web.Close()
	}
}

// Answers that are not of a registry, or of one with other codes, are
// understood by their status.
func TestForeignErrors(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   error
	}{
		{404, "<html>not found</html>", lading.ErrManifestUnknown},
		{404, `{"errors":[{"code":"NOT_FOUND","message":"gone fishing"}]}`, lading.ErrManifestUnknown},
		{404, `{"errors":[{"code":"NAME_UNKNOWN"}]}`, lading.ErrNameUnknown},
		{403, "", lading.ErrDenied},
		{502, "bad gateway", lading.ErrUnavailable},
		{500, "", lading.ErrInternal},
		{418, "", lading.ErrInternal},
		{301, "", lading.ErrInternal},
		{501, "", lading.ErrUnsupported},
	} {
		reg := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		}, client.Options{Retries: -1})
		_, err := reg.Manifest(t.Context(), "acme/web", lading.Reference{Tag: "1"})
		var answer *client.ResponseError
		if !errors.Is(err, tt.want) || tt.status != 301 && (!errors.As(err, &answer) || answer.Status != tt.status) {
			t.Errorf("%d %s: %v", tt.status, tt.body, err)
		}
	}
}

// What cannot be a name never leaves.
func TestNamesAreChecked(t *testing.T) {
	reg := scripted(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }, client.Options{})
	ctx, d := t.Context(), digest.FromString("x")
	for _, repo := range []string{"", "../etc", "a/../b", "UPPER", "a b", "a?x=", "/a", "a/", "a//b", strings.Repeat("a", 256)} {
		_, list := reg.List(ctx, lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Repository: repo + "?"}})
		_, manifest := reg.Manifest(ctx, repo, lading.Reference{Tag: "1"})
		_, blob := reg.Blob(ctx, repo, d)
		_, tags := reg.Tags(ctx, repo, "", 1)
		_, start := reg.StartBlob(ctx, repo, lading.Descriptor{})
		for i, err := range []error{list, manifest, blob, tags, start, reg.DeleteRepository(ctx, repo), reg.DeleteBlob(ctx, repo, d)} {
			if !errors.Is(err, lading.ErrNameInvalid) {
				t.Errorf("%d, %q: %v", i, repo, err)
			}
		}
	}
	for _, tag := range []string{"", ".x", "a/b", "a?b", strings.Repeat("a", 129)} {
		if _, err := reg.Resolve(ctx, "a", lading.Reference{Tag: tag}); !errors.Is(err, lading.ErrTagInvalid) {
			t.Errorf("%q: %v", tag, err)
		}
	}
	for _, d := range []lading.Digest{"x", "sha256:short?", "sha256:../../x"} {
		if _, err := reg.ResolveBlob(ctx, "a", d); !errors.Is(err, lading.ErrDigestInvalid) {
			t.Errorf("%q: %v", d, err)
		}
	}
}

// scripted is a client of a server that does as it is told.
func scripted(t *testing.T, h http.HandlerFunc, opt client.Options) *client.Client {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return newClient(t, web.URL, opt)
}
