package modeltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/server"
)

// definitions are what a schedule defines and takes back. The last one holds
// where neither of the others is there: it names no type exactly.
var definitions = map[string]string{
	"test-a":   `{"name": "test-a", "match": [{"artifactType": "` + typeA + `"}]}`,
	"test-b":   `{"name": "test-b", "match": [{"artifactType": "` + typeB + `"}]}`,
	"test-any": `{"name": "test-any", "match": [{"artifactType": "application/vnd.test.*"}]}`,
}

// shortOf is the short name of a document's type.
func (w *world) shortOf(d *document) string {
	switch {
	case d.typ == typeA && w.defined["test-a"]:
		return "test-a"
	case d.typ == typeB && w.defined["test-b"]:
		return "test-b"
	case (d.typ == typeA || d.typ == typeB) && w.defined["test-any"]:
		return "test-any"
	case d.typ == typeImage:
		return "image"
	case d.typ == "":
		return "image-index"
	}
	return lading.TypeUnknown
}

// define puts a definition, or takes it back, and types again what is stored.
// Which replica is asked for it takes turns, and so it does who walks.
func (w *world) define(name string, there bool) error {
	ctx := as(root)
	store := w.servers[w.next()].Types()
	if there {
		if _, err := store.PutDefinition(ctx, name, []byte(definitions[name])); err != nil {
			return err
		}
	} else if err := store.DeleteDefinition(ctx, name); err != nil {
		return err
	}
	w.defined[name] = there
	return catchUp(ctx, w.servers[w.next()])
}

// catchUp types again what is stored. The server does it by itself, too:
// whoever is first.
func catchUp(ctx context.Context, s *server.Server) error {
	for range 100 {
		if err := s.Types().Refresh(ctx); err != nil {
			return err
		}
		err := s.Types().CatchUp(ctx, func(context.Context, string, []byte) ([]byte, error) { return nil, nil })
		if !errors.Is(err, catalog.ErrStaleType) {
			return err
		}
	}
	return errors.New("the definitions do not stand still")
}

// warmTypes makes every short name one that is known, for ever: it is in
// filters at times when it is not defined.
func (w *world) warmTypes() error {
	s := w.servers[0]
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		if err := w.define(name, true); err != nil {
			return err
		}
	}
	if err := catchUp(as(root), s); err != nil {
		return err
	}
	for i, typ := range []string{typeA, typeB, "application/vnd.test.c"} {
		d := &document{repo: "warm"}
		d.index(i, typ, nil)
		if _, err := s.Engine().PutManifest(as(root), d.repo, lading.Manifest{MediaType: ocispec.MediaTypeImageIndex, Bytes: d.raw}, lading.PutOptions{}); err != nil {
			return fmt.Errorf("%s: %w", typ, err)
		}
	}
	return s.Engine().DeleteRepository(as(root), "warm")
}

// retype changes a definition in the middle of whatever the clients do.
func (r *run) retype(name string) error {
	there := !r.w.defined[name]
	r.logf("define %s: %v", name, there)
	r.w.met["retype"]++
	return r.w.define(name, there)
}
