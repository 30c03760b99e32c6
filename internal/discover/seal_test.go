package discover

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

func newEngine(tb testing.TB) *Engine {
	tb.Helper()
	ctx := context.Background()
	cat, err := catalog.Open(ctx, sqldbtest.Open(tb, sqldb.Options{URL: sqldbtest.SQLite(tb), Relaxed: true}), catalog.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	e, err := New(ctx, cat, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func everything(subject string) context.Context {
	ctx := lading.WithIdentity(context.Background(), lading.Identity{Subject: subject})
	return lading.WithGrants(ctx, func(context.Context) (lading.Grants, error) { return lading.AllGrants(), nil })
}

// TestCursorText: one alphabet, one length, never the same twice, and back.
func TestCursorText(t *testing.T) {
	e := newEngine(t)
	form := regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	seen, length := map[string]bool{}, 0
	for i := range 1000 {
		c := cursor{at: []int64{int64(i) << (i % 50)}, full: setID{1}, may: setID{2}, bind: [16]byte{3}}
		text := e.sealCursor(c)
		if !form.MatchString(text) || seen[text] || (length != 0 && length != len(text)) {
			t.Fatalf("cursor %s", text)
		}
		seen[text], length = true, len(text)
		back, ok := e.openCursor(text)
		if !ok || back.at[0] != c.at[0] || back.full != c.full || back.may != c.may || back.bind != c.bind || back.epoch != c.epoch {
			t.Fatalf("%+v came back as %+v", c, back)
		}
	}
}

// TestTokenLength: a token's length is one of few, whatever is in it.
func TestTokenLength(t *testing.T) {
	e := newEngine(t)
	lengths := map[int]bool{}
	for n := range 100 {
		text, err := e.sealToken(&token{Pos: place{Name: strings.Repeat("a", n)}})
		if err != nil {
			t.Fatal(err)
		}
		lengths[len(text)] = true
		if back, ok := e.openToken(text); !ok || len(back.Pos.Name) != n {
			t.Fatalf("a name of %d came back as %+v", n, back)
		}
	}
	if len(lengths) > 2 {
		t.Errorf("%d lengths", len(lengths))
	}
}

// forged are changes to sealed text, none of which may be opened.
func forged(text string) (out []string) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	for i := range raw {
		b := append([]byte(nil), raw...)
		b[i] ^= 1 << (i % 8)
		out = append(out, base64.RawURLEncoding.EncodeToString(b))
	}
	for n := range len(text) {
		out = append(out, text[:n])
	}
	return append(out, text+"A", text+"=", " "+text, text+text, text+"\n", strings.Repeat("A", 1<<20))
}

func TestForged(t *testing.T) {
	e, other := newEngine(t), newEngine(t)
	c := e.sealCursor(cursor{at: []int64{1}})
	p, err := e.sealToken(&token{At: []int64{1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(forged(c), p, other.sealCursor(cursor{at: []int64{1}}), e.sealCursor(cursor{at: []int64{1, 2}})) {
		if _, ok := e.openCursor(text); ok {
			t.Fatalf("opened the forged cursor %.200q", text)
		}
		if text == "" {
			continue // no cursor at all
		}
		if _, err := e.List(everything(""), lading.Query{Kind: lading.KindTags, Since: text}); !errors.Is(err, lading.ErrCursorInvalid) {
			t.Fatalf("since=%.200q: %v", text, err)
		}
	}
	twoShards, _ := e.sealToken(&token{At: []int64{1, 2}})
	for _, text := range append(forged(p), c, twoShards) {
		if _, ok := e.openToken(text); ok {
			t.Fatalf("opened the forged token %.200q", text)
		}
		if text == "" {
			continue
		}
		if _, err := e.List(everything(""), lading.Query{Kind: lading.KindTags, Page: text}); !errors.Is(err, lading.ErrCursorInvalid) {
			t.Fatalf("page=%.200q: %v", text, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	e := newEngine(f)
	p, _ := e.sealToken(&token{At: []int64{1}})
	f.Add("")
	f.Add(p)
	f.Add(e.sealCursor(cursor{at: []int64{1}}))
	f.Fuzz(func(t *testing.T, text string) {
		_, isCursor := e.openCursor(text)
		_, isToken := e.openToken(text)
		if isCursor && isToken {
			t.Fatalf("%q is both", text)
		}
	})
}

// TestBound: a cursor belongs to its caller, kind and filter, and to no other.
func TestBound(t *testing.T) {
	e := newEngine(t)
	yes, no := true, false
	queries := []lading.Query{
		{Kind: lading.KindTags}, {Kind: lading.KindManifests}, {Kind: lading.KindRepositories},
		{Kind: lading.KindTags, Scope: lading.Scope{Namespace: "a"}},
		{Kind: lading.KindTags, Scope: lading.Scope{Prefix: []string{"a"}}},
		{Kind: lading.KindTags, Scope: lading.Scope{Prefix: []string{"a", "b"}}},
		{Kind: lading.KindTags, Scope: lading.Scope{Exclude: []string{"a"}}},
		{Kind: lading.KindTags, Scope: lading.Scope{Types: []string{"a/a"}}},
		{Kind: lading.KindTags, Scope: lading.Scope{Platforms: []string{"a"}}},
		{Kind: lading.KindManifests, Scope: lading.Scope{Tagged: &yes}},
		{Kind: lading.KindManifests, Scope: lading.Scope{Tagged: &no}},
	}
	for i, q := range queries {
		l, err := e.List(everything("ada"), q)
		if err != nil {
			t.Fatal(err)
		}
		for j, other := range queries {
			other.Since, other.N = l.Cursor, 7
			if _, err := e.List(everything("ada"), other); (err == nil) != (i == j) {
				t.Errorf("the cursor of %+v for %+v: %v", q, other, err)
			}
			if _, err := e.List(everything("bob"), other); !errors.Is(err, lading.ErrCursorInvalid) {
				t.Errorf("the cursor of another caller: %v", err)
			}
		}
	}
	l, err := e.List(everything(""), lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Types: []string{"a/a", "b/b", "a/a"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.List(everything(""), lading.Query{Kind: lading.KindTags, Since: l.Cursor, Scope: lading.Scope{Types: []string{"b/b", "a/a"}}}); err != nil {
		t.Errorf("the order of a repeated parameter matters: %v", err)
	}
}
