package clienttest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/server"
)

// newType is a definition of a type that no code has ever heard of.
func newType(name, logo string) string {
	return fmt.Sprintf(`{"name": %q, "match": [{"artifactType": "application/vnd.nobody.%s.v1"}], "show": {"title": "/title"}, "logo": %q}`, name, name, logo)
}

const newLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><script>alert(1)</script><path d="M1 2h3v4z"/></svg>`

// TestNewType: a type that no code has ever heard of needs a file in types.dir,
// or a request, and nothing else. What oras pushes is of it, before and after:
// in listings, in deltas, with its logo, and in the journal.
func TestNewType(t *testing.T) {
	eachFile(t, func(t *testing.T, file string) {
		dir := filepath.Join(t.TempDir(), "types")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, readFile(t, file)+"types: {dir: \""+dir+"\"}\n")
		r, oras := startRegistry(t, file), newTool(t, "oras")
		at := "http://" + r.addr + "/v2/_lading/types/definitions/"
		define := map[string]func(){
			"byfile": func() {
				writeFile(t, filepath.Join(dir, "byfile.svg"), newLogo)
				writeFile(t, filepath.Join(dir, "byfile.json"), newType("byfile", "byfile.svg"))
				waitFor(t, "the type that was put into the directory", func() bool { return strings.Contains(get(t, strings.TrimSuffix(at, "/")), `"byfile"`) })
			},
			"byapi": func() {
				send(t, http.MethodPut, at+"byapi", newType("byapi", newLogo), "application/json", http.StatusCreated)
			},
		}
		for name, define := range define {
			pushNew(t, oras, r.addr, name, "before")
			all := "http://" + r.addr + "/v2/_lading/list/tags?namespace=acme/" + name
			tags := "http://" + r.addr + "/v2/_lading/list/tags?type=" + name
			send(t, http.MethodGet, tags, "", "", http.StatusBadRequest)
			cursor := list(t, all+"&since=now", nil, http.StatusOK).Cursor
			define()
			typedCursor := list(t, tags+"&since=now", nil, http.StatusOK).Cursor
			pushNew(t, oras, r.addr, name, "after")

			want := "tag:acme/" + name + ":after " + name + " after, tag:acme/" + name + ":before " + name + " before"
			told := map[string]bool{}
			waitFor(t, "what the deltas tell", func() bool {
				page := parse[struct {
					Items  []typed
					Cursor string
				}](t, get(t, all+"&since="+cursor))
				cursor = page.Cursor
				for _, it := range page.Items {
					told[tellTyped(it)] = true
				}
				return len(told) == 2 || t.Failed()
			})
			// The one pushed before may have been typed again by then.
			items := list(t, tags+"&since="+typedCursor, nil, http.StatusOK).Items
			if !slices.ContainsFunc(items, func(it struct{ Op, Key string }) bool { return it.Key == "tag:acme/"+name+":after" }) {
				t.Errorf("the delta of the type has %v", items)
			}
			var deltas, listed []string
			for line := range told {
				deltas = append(deltas, line)
			}
			slices.Sort(deltas)
			equal(t, "the deltas", strings.Join(deltas, ", "), want)
			for _, it := range typesAt(t, r.addr, "tags", "type="+name) {
				listed = append(listed, tellTyped(it))
			}
			equal(t, "the listing", strings.Join(listed, ", "), want)

			resp, logo := fetch(t, at+name+"/logo", nil)
			if resp.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(logo, "M1 2h3v4z") || strings.Contains(logo, "script") {
				t.Errorf("the logo is %s %s", resp.Header.Get("Content-Type"), logo)
			}
		}
		r.stop(t)
		for name := range define {
			equal(t, "the journal of "+name, journalled(t, file, name), "created after, created before as unknown, updated before")
		}
	})
}

// pushNew pushes an artifact with a title in its config.
func pushNew(t *testing.T, oras tool, addr, name, tag string) {
	t.Helper()
	oras.put(t, "config.json", `{"title":"`+tag+`"}`)
	oras.put(t, "data.txt", tag)
	oras.run(t, "push", "--plain-http", "--artifact-type", "application/vnd.nobody."+name+".v1", "--config", "config.json:application/vnd.nobody.config+json",
		addr+"/acme/"+name+":"+tag, "data.txt:text/plain")
}

func tellTyped(it typed) string { return it.Key + " " + it.Type + " " + it.Shown["title"] }

var actions = map[journal.Action]string{journal.Created: "created", journal.Updated: "updated", journal.Deleted: "deleted"}

// journalled tells the rows of the tags of a repository, of a registry that
// has stopped; "as" tells another type than that of the repository's name.
func journalled(t *testing.T, file, name string) string {
	t.Helper()
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	cat := s.Catalog()
	rows, err := cat.Journal().Read(t.Context(), cat.Shard("acme/"+name), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	repos, err := cat.RepositoriesIn(t.Context(), cat.DB().Read(), lading.RepositoryRange("acme/"+name), 1, false)
	if err != nil || len(repos) != 1 {
		t.Fatal(repos, err)
	}
	var out []string
	for _, row := range rows {
		if row.Kind != journal.Tag || row.Repo != repos[0].ID {
			continue
		}
		typ, err := cat.Type(t.Context(), cat.DB().Read(), row.Type)
		if err != nil {
			t.Fatal(err)
		}
		line := actions[row.Action] + " " + row.Name
		if typ.Name() != name {
			line += " as " + typ.Name()
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
