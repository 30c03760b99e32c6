package crashtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// worker is one client. It has tags and repositories of its own, so that it
// knows what they must be, and shares repositories, blobs and one tag with
// the others.
type worker struct {
	id, generation int
	api            *api
	l              *ledger
	r              *rand.Rand

	serial int
	images map[string][]image // by repository: what was acknowledged and not deleted
	tags   map[string]map[string]string
}

type image struct {
	digest string
	raw    []byte
	shared bool // the shared tag pointed to it: it stays
}

const (
	sharedRepos = 3
	sharedTag   = "latest"
)

func newWorker(id int, l *ledger, seed uint64) *worker {
	w := &worker{id: id, l: l, r: rand.New(rand.NewPCG(seed, uint64(id)))}
	w.forget()
	return w
}

// forget begins anew, with names that were never used: what became of the
// last request is not known.
func (w *worker) forget() {
	w.generation++
	w.images, w.tags = map[string][]image{}, map[string]map[string]string{}
}

func (w *worker) shared() string { return fmt.Sprintf("team/shared%d", w.r.IntN(sharedRepos)) }
func (w *worker) private() string {
	return fmt.Sprintf("w%d/g%d/p%d", w.id, w.generation, w.r.IntN(2))
}
func (w *worker) own(tag int) string { return fmt.Sprintf("w%d-g%d-%d", w.id, w.generation, tag) }

func (w *worker) someRepo() string {
	if w.r.IntN(2) == 0 {
		return w.shared()
	}
	return w.private()
}

// run works until a request is not answered. It returns an error for an
// answer that is a mistake.
func (w *worker) run(ctx context.Context) error {
	for ctx.Err() == nil {
		var o outcome
		var err error
		switch n := w.r.IntN(100); {
		case n < 35:
			o, err = w.push(ctx)
		case n < 55:
			o, err = w.move(ctx)
		case n < 65:
			o, err = w.deleteTag(ctx)
		case n < 75:
			o, err = w.deleteManifest(ctx)
		case n < 85:
			o, err = w.blobAlone(ctx)
		case n < 92:
			o, err = w.index(ctx)
		default:
			o, err = w.deleteRepository(ctx)
		}
		if err != nil {
			return fmt.Errorf("client %d: %w", w.id, err)
		}
		if o == unknown {
			w.forget()
			return nil
		}
	}
	return nil
}

// request sends one request whose effects are known, and notes both. A
// refusal whose status is not among the expected ones is an error.
func (w *worker) request(effects map[string]string, send func() (*answer, error), expected ...int) (outcome, error) {
	in := w.l.begin(effects)
	r, err := send()
	o := outcomeOf(r, err)
	in.done(o)
	if o == refused && !slices.Contains(expected, r.status) {
		return o, fmt.Errorf("refused for %v: %s", slices.Collect(maps.Keys(effects)), r)
	}
	return o, nil
}

// content makes bytes: some that all clients push, most that are new.
func (w *worker) content() []byte {
	if w.r.IntN(4) == 0 {
		return []byte(strings.Repeat(fmt.Sprintf("common %d ", w.r.IntN(8)), 50))
	}
	w.serial++
	return []byte(strings.Repeat(fmt.Sprintf("blob %d/%d/%d/%d ", w.id, w.generation, w.serial, w.r.Uint64()), 1+w.r.IntN(800))) // up to twice what the catalog keeps
}

func (w *worker) pushBlob(ctx context.Context, repo string, b []byte) (outcome, error) {
	way := w.r.IntN(4)
	return w.request(map[string]string{blobKey(repo, digestOf(b)): digestOf(b)}, func() (*answer, error) { return w.api.pushBlob(ctx, repo, b, way) })
}

// push puts a new image with its blobs, under a tag of its own, the shared
// one, or none; now and then it refers to an image that is there.
func (w *worker) push(ctx context.Context) (outcome, error) {
	repo := w.someRepo()
	config, layer := w.content(), w.content()
	for _, b := range [][]byte{config, layer} {
		if o, err := w.pushBlob(ctx, repo, b); o != acknowledged || err != nil {
			return o, err
		}
	}
	w.serial++
	doc := document{SchemaVersion: 2, MediaType: imageType,
		Config:      &descriptor{fmt.Sprintf("application/vnd.example.type%d", w.r.IntN(3)), digestOf(config), len(config)},
		Layers:      []descriptor{{"application/octet-stream", digestOf(layer), len(layer)}},
		Annotations: map[string]string{"n": fmt.Sprintf("%d-%d-%d", w.id, w.generation, w.serial)}}
	if have := w.images[repo]; len(have) > 0 && w.r.IntN(4) == 0 {
		s := have[w.r.IntN(len(have))]
		doc.Subject = &descriptor{imageType, s.digest, len(s.raw)}
	}
	return w.put(ctx, repo, marshal(doc), w.r.IntN(4))
}

// put puts a manifest: tag 0 and 1 are its own, 2 the shared one where that
// exists, 3 none.
func (w *worker) put(ctx context.Context, repo string, raw []byte, tag int) (outcome, error) {
	d := digestOf(raw)
	ref, name := d, ""
	switch {
	case tag < 2:
		name = w.own(tag)
	case tag == 2 && strings.HasPrefix(repo, "team/"):
		name = sharedTag
	}
	effects := map[string]string{manifestKey(repo, d): d}
	if name != "" {
		ref = name
		effects[tagKey(repo, name)] = d
	}
	o, err := w.request(effects, func() (*answer, error) { return w.api.putManifest(ctx, repo, ref, raw) })
	if o == acknowledged {
		w.keep(repo, image{d, raw, name == sharedTag}, name)
	}
	return o, err
}

func (w *worker) keep(repo string, m image, tag string) {
	i := slices.IndexFunc(w.images[repo], func(x image) bool { return x.digest == m.digest })
	if i < 0 {
		w.images[repo] = append(w.images[repo], m)
	} else if m.shared {
		w.images[repo][i].shared = true
	}
	if tag != "" && tag != sharedTag {
		if w.tags[repo] == nil {
			w.tags[repo] = map[string]string{}
		}
		w.tags[repo][tag] = m.digest
	}
}

// some returns an image that is there.
func (w *worker) some() (string, image, bool) {
	repos := slices.Sorted(maps.Keys(w.images))
	if len(repos) == 0 {
		return "", image{}, false
	}
	repo := repos[w.r.IntN(len(repos))]
	have := w.images[repo]
	if len(have) == 0 {
		return "", image{}, false
	}
	return repo, have[w.r.IntN(len(have))], true
}

// move points a tag to an image that is there.
func (w *worker) move(ctx context.Context) (outcome, error) {
	repo, m, ok := w.some()
	if !ok {
		return refused, nil
	}
	return w.put(ctx, repo, m.raw, w.r.IntN(3))
}

func (w *worker) deleteTag(ctx context.Context) (outcome, error) {
	for _, repo := range slices.Sorted(maps.Keys(w.tags)) {
		for _, tag := range slices.Sorted(maps.Keys(w.tags[repo])) {
			if w.r.IntN(2) == 0 {
				continue
			}
			delete(w.tags[repo], tag)
			return w.request(map[string]string{tagKey(repo, tag): ""}, func() (*answer, error) {
				return w.api.do(ctx, "DELETE", "/v2/"+repo+"/manifests/"+tag, nil)
			})
		}
	}
	return refused, nil
}

// deleteManifest deletes an image, which takes the tags along that point to
// it. One that an index lists is refused.
func (w *worker) deleteManifest(ctx context.Context) (outcome, error) {
	repo, m, ok := w.some()
	if !ok || m.shared {
		return refused, nil
	}
	effects := map[string]string{manifestKey(repo, m.digest): ""}
	for tag, d := range w.tags[repo] {
		if d == m.digest {
			effects[tagKey(repo, tag)] = ""
		}
	}
	o, err := w.request(effects, func() (*answer, error) {
		return w.api.do(ctx, "DELETE", "/v2/"+repo+"/manifests/"+m.digest, nil)
	}, 409)
	if o == acknowledged {
		w.images[repo] = slices.DeleteFunc(w.images[repo], func(x image) bool { return x.digest == m.digest })
		maps.DeleteFunc(w.tags[repo], func(_, d string) bool { return d == m.digest })
	}
	return o, err
}

// blobAlone pushes a blob that nothing will use and, mostly, deletes it.
func (w *worker) blobAlone(ctx context.Context) (outcome, error) {
	repo := w.someRepo()
	w.serial++
	b := fmt.Appendf(nil, "alone %d %d %d", w.id, w.generation, w.serial)
	o, err := w.pushBlob(ctx, repo, b)
	if o != acknowledged || err != nil || w.r.IntN(3) == 0 {
		return o, err
	}
	if len(w.images[repo]) == 0 && !strings.HasPrefix(repo, "team/") && w.r.IntN(2) == 0 {
		return o, nil
	}
	return w.request(map[string]string{blobKey(repo, digestOf(b)): ""}, func() (*answer, error) {
		return w.api.do(ctx, "DELETE", "/v2/"+repo+"/blobs/"+digestOf(b), nil)
	})
}

// index puts an index over two images.
func (w *worker) index(ctx context.Context) (outcome, error) {
	repo, a, ok := w.some()
	if !ok {
		return refused, nil
	}
	b := w.images[repo][w.r.IntN(len(w.images[repo]))]
	doc := document{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{{mediaTypeOf(a.raw), a.digest, len(a.raw)}, {mediaTypeOf(b.raw), b.digest, len(b.raw)}}}
	return w.put(ctx, repo, marshal(doc), w.r.IntN(2))
}

// deleteRepository deletes a repository of its own, with all that is in it.
func (w *worker) deleteRepository(ctx context.Context) (outcome, error) {
	repo := w.private()
	if len(w.images[repo]) == 0 {
		return refused, nil
	}
	effects := map[string]string{}
	for _, k := range w.l.under(repo) {
		effects[k] = ""
	}
	o, err := w.request(effects, func() (*answer, error) {
		return w.api.do(ctx, "DELETE", "/v2/"+repo+"/_lading/manage/repository", nil)
	})
	if o == acknowledged {
		delete(w.images, repo)
		delete(w.tags, repo)
	}
	return o, err
}
