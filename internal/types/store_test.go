package types

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

const widgetType = "application/vnd.example.widget+json"

// widget is a definition that the code has never heard of.
func widget(name string) string {
	return fmt.Sprintf(`{"name": %q, "match": [{"artifactType": %q}], "show": {"version": "/version"}, "logo": "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\"><path d=\"M1 1h22v22H1z\"/></svg>"}`, name, widgetType)
}

type world struct {
	*catalogtest.World
	dir   string
	log   bytes.Buffer
	store *Store
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		w := &world{World: catalogtest.Open(t, sqldb.Options{URL: fresh(t), Shards: 4, Relaxed: true}, catalog.Options{}), dir: t.TempDir()}
		w.store = w.open()
		fn(t, w)
	})
}

// open is another replica.
func (w *world) open() *Store {
	w.T.Helper()
	s, err := Open(context.Background(), w.Cat, Options{Dir: w.dir, Page: 2, Poll: time.Hour, Logger: slog.New(slog.NewTextHandler(&w.log, nil))})
	w.Must(err)
	return s
}

func (w *world) write(file, text string) {
	w.T.Helper()
	w.Must(os.WriteFile(filepath.Join(w.dir, file), []byte(text), 0o644))
}

// catchUp types again what is stored; every config is the same.
func (w *world) catchUp(s *Store) {
	w.T.Helper()
	w.Must(s.CatchUp(context.Background(), oneConfig))
	for _, problem := range catalogcheck.Check(context.Background(), w.DB) {
		w.T.Error(problem)
	}
}

func oneConfig(context.Context, string, []byte) ([]byte, error) {
	return []byte(`{"version":"1.2"}`), nil
}

// push puts a manifest as a push does.
func (w *world) push(s *Store, repo, name, artifactType string, tags ...string) {
	w.T.Helper()
	spec := catalogtest.Spec{Name: name, Type: artifactType}
	m := spec.Manifest()
	facts, err := arttype.ReadFacts(m.MediaType, m.Bytes)
	w.Must(err)
	for {
		set, _, generation := s.For("")
		if typ, _ := set.Match(&facts); typ.Name != arttype.Unknown {
			m.Type, m.Shown = typ.Name, Shown(typ, []byte(`{"version":"1.2"}`))
		}
		_, err := w.Cat.PutManifestWith(context.Background(), repo, m, catalog.PutOptions{Tags: tags, Generation: generation})
		if !errors.Is(err, catalog.ErrStaleType) {
			w.Must(err)
			return
		}
		w.Must(s.Refresh(context.Background()))
	}
}

// typesOf counts the manifests of each type.
func (w *world) typesOf() string {
	var out []string
	for _, name := range []string{"widget", "gizmo", lading.TypeUnknown} {
		words, err := w.Cat.TypesNamed(context.Background(), w.DB.Read(), name, 100)
		w.Must(err)
		n := int64(0)
		for _, word := range words {
			n += w.Count("manifest", "type=?", word)
		}
		out = append(out, fmt.Sprintf("%d %s", n, name))
	}
	return strings.Join(out, ", ")
}

func (w *world) want(when, want string) {
	w.T.Helper()
	if got := w.typesOf(); got != want {
		w.T.Errorf("%s: %s, want %s", when, got, want)
	}
}

func TestDirectory(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		if !w.store.Defined("helm") || w.store.Defined("widget") {
			t.Error("the built-in definitions, and no others, are there")
		}
		w.write("widget.json", widget("widget"))
		w.write("bad.json", "{\n \"name\": \"bad\",\n \"match\": []\n}")
		w.Must(w.store.poll(ctx))
		if !w.store.Defined("widget") || w.store.Defined("bad") {
			t.Error("the file is not in use, or the bad one is")
		}
		if log := w.log.String(); !strings.Contains(log, `file=bad.json line=3 field=/match`) {
			t.Errorf("the log is %s", log)
		}
		_, _, generation := w.store.For("")
		w.Must(w.store.poll(ctx))
		if _, _, again := w.store.For(""); again != generation {
			t.Error("nothing has changed, and there is another generation")
		}
		w.write("widget.json", `{"name": "gad`) // half of a file
		w.Must(w.store.poll(ctx))
		if !w.store.Defined("widget") {
			t.Error("half of a file took the definition away")
		}
		w.Must(os.Remove(filepath.Join(w.dir, "widget.json")))
		w.Must(w.store.poll(ctx))
		if w.store.Defined("widget") {
			t.Error("the file is gone, the definition is not")
		}
		w.Must(os.RemoveAll(w.dir))
		w.Must(w.store.Reload(ctx))
		if !w.store.Defined("helm") {
			t.Error("without a directory there is nothing")
		}
	})
}

func TestAPI(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		other := w.open()
		created, err := w.store.PutDefinition(ctx, "widget", []byte(widget("widget")))
		if err != nil || !created || !w.store.Defined("widget") {
			t.Errorf("%v %v", created, err)
		}
		if created, err := w.store.PutDefinition(ctx, "widget", []byte(widget("widget"))); err != nil || created {
			t.Errorf("again: %v %v", created, err)
		}
		w.Must(other.poll(ctx))
		d, err := other.Definition(ctx, "widget")
		if err != nil || d.Source != "api" || string(d.JSON) != widget("widget") || !bytes.Contains(d.Logo, []byte("M1 1h22v22H1z")) {
			t.Errorf("the other replica has %+v, %v", d, err)
		}
		for body, pointer := range map[string]string{
			`{"name": "gizmo", "match": []}`: "/match",
			widget("widget"):                 "/name",
			widget("gizmo"):                  "/match", // the same as widget's
			`{"name": "gizmo", "match": [{"artifactType": "a/b"}], "logo": "x.svg"}`: "/logo",
		} {
			_, err := w.store.PutDefinition(ctx, "gizmo", []byte(body))
			var e *lading.Error
			if !errors.As(err, &e) || e.Code != lading.CodeTypeInvalid || !strings.HasPrefix(e.Detail.(arttype.Mistakes)[0].Pointer, pointer) {
				t.Errorf("%s: %v", body, err)
			}
		}
		// One of the API holds before the file, the file before the built-in one.
		w.write("helm.json", `{"name": "helm", "match": [{"artifactType": "file/helm"}]}`)
		w.Must(w.store.Reload(ctx))
		source := func(want string) {
			t.Helper()
			if d, err := w.store.Definition(ctx, "helm"); err != nil || d.Source != want {
				t.Errorf("%+v %v, want %s", d, err, want)
			}
		}
		source("directory")
		if _, err := w.store.PutDefinition(ctx, "helm", []byte(`{"name": "helm", "match": [{"artifactType": "api/helm"}]}`)); err != nil {
			t.Error(err)
		}
		source("api")
		w.Must(w.store.DeleteDefinition(ctx, "helm"))
		source("directory")
		for name, want := range map[string]error{"helm": lading.ErrConflict, "cnab": lading.ErrConflict, "nobody": lading.ErrTypeUnknown} {
			if err := w.store.DeleteDefinition(ctx, name); !errors.Is(err, want) {
				t.Errorf("delete %s: %v", name, err)
			}
		}
	})
}

func TestRetyping(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		for i := range 7 {
			w.push(w.store, "acme/web", fmt.Sprint(i), widgetType, fmt.Sprint("v", i))
			w.push(w.store, fmt.Sprint("other/", i), fmt.Sprint(i), "application/vnd.example.other")
		}
		w.catchUp(w.store)
		w.want("before", "0 widget, 0 gizmo, 14 unknown")
		w.write("widget.json", widget("widget"))
		w.Must(w.store.poll(ctx))
		w.push(w.store, "acme/web", "late", widgetType)
		w.want("not yet", "1 widget, 0 gizmo, 14 unknown")
		w.catchUp(w.store)
		w.want("by a file", "8 widget, 0 gizmo, 7 unknown")
		if n := w.Count("manifest", "shown=?", `{"version":"1.2"}`); n != 8 {
			t.Errorf("%d manifests show their version", n)
		}
		rows := w.Count("journal", "1=1")
		w.catchUp(w.store)
		w.catchUp(w.open()) // a start with the same definitions
		if w.Count("journal", "1=1") != rows {
			t.Error("journalled although nothing has changed")
		}
		// A definition of the API wins over a file's with the same match.
		if _, err := w.store.PutDefinition(ctx, "gizmo", []byte(widget("gizmo"))); err != nil {
			t.Fatal(err)
		}
		w.catchUp(w.store)
		w.want("by the API", "0 widget, 8 gizmo, 7 unknown")
		w.Must(w.store.DeleteDefinition(ctx, "gizmo"))
		w.Must(os.Remove(filepath.Join(w.dir, "widget.json")))
		w.Must(w.store.poll(ctx))
		w.catchUp(w.store)
		w.want("without", "0 widget, 0 gizmo, 15 unknown")
		if n := w.Count("manifest", "shown IS NOT NULL"); n != 0 {
			t.Errorf("%d manifests show fields of no type", n)
		}
	})
}

// A walk that is stopped between the steps of a manifest with very many tags is
// gone on with by the next one, which finds the manifest itself as it should be.
func TestStoppedBetweenSteps(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		tags := make([]string, 5000)
		for i := range tags {
			tags[i] = fmt.Sprint("v", i)
		}
		w.push(w.store, "acme/web", "many", widgetType, tags...)
		if _, err := w.store.PutDefinition(context.Background(), "widget", []byte(widget("widget"))); err != nil {
			t.Fatal(err)
		}
		rows := w.Count("journal", "1=1")
		ctx, stop := context.WithCancel(context.Background())
		go func() {
			for ctx.Err() == nil {
				changed := w.Cat.Journal().Changed()
				if begun, err := w.Cat.Unfinished(ctx); err != nil || len(begun) > 0 {
					stop()
				}
				<-changed
			}
		}()
		err := w.store.CatchUp(ctx, oneConfig)
		begun, _ := w.Cat.Unfinished(context.Background())
		if !errors.Is(err, context.Canceled) || len(begun) != 1 {
			t.Fatalf("stopped: %v, begun: %v", err, begun)
		}
		w.catchUp(w.open())
		if begun, err := w.Cat.Unfinished(context.Background()); err != nil || len(begun) > 0 {
			t.Errorf("begun: %v %v", begun, err)
		}
		if told := w.Count("journal", "1=1") - rows; told != 5001 {
			t.Errorf("%d rows tell of it", told)
		}
	})
}

// What was pushed while a definition held is typed again even if the
// definitions are again what they were before.
func TestThereAndBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.catchUp(w.store)
		if _, err := w.store.PutDefinition(ctx, "widget", []byte(widget("widget"))); err != nil {
			t.Fatal(err)
		}
		w.push(w.store, "acme/web", "one", widgetType, "v1")
		w.want("pushed", "1 widget, 0 gizmo, 0 unknown")
		w.Must(w.store.DeleteDefinition(ctx, "widget"))
		w.catchUp(w.store)
		w.want("back", "0 widget, 0 gizmo, 1 unknown")
	})
}

// A replica that has not heard of a change pushes nothing by what it knows.
func TestReplicaBehind(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		behind := w.open()
		if _, err := w.store.PutDefinition(context.Background(), "widget", []byte(widget("widget"))); err != nil {
			t.Fatal(err)
		}
		w.catchUp(w.store)
		w.push(behind, "acme/web", "one", widgetType, "v1")
		w.want("pushed to the other", "1 widget, 0 gizmo, 0 unknown")
	})
}

// Run does it all by itself, and stops when it is told to.
func TestRun(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.push(w.store, "acme/web", "one", widgetType, "v1")
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.store.Run(ctx, func(context.Context, string, []byte) ([]byte, error) { return nil, nil })
		}()
		if _, err := w.store.PutDefinition(ctx, "widget", []byte(widget("widget"))); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); ; {
			changed := w.Cat.Journal().Changed()
			if w.typesOf() == "1 widget, 0 gizmo, 0 unknown" {
				break
			}
			select {
			case <-changed:
			case <-time.After(time.Until(deadline)):
				t.Fatalf("there are %s", w.typesOf())
			}
		}
		cancel()
		<-done
	})
}
