package types

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

// Configs returns the config of a stored manifest, given by its bytes, nil
// where it has none that is read.
type Configs func(ctx context.Context, repo string, manifest []byte) ([]byte, error)

// Run notices changes and types again what is stored, until ctx ends. What a
// walk has done is kept: the next Run goes on behind it.
func (s *Store) Run(ctx context.Context, configs Configs) {
	poll := time.NewTicker(s.opt.Poll)
	defer poll.Stop()
	for {
		if err := s.CatchUp(ctx, configs); err != nil && ctx.Err() == nil && !errors.Is(err, catalog.ErrStaleType) {
			s.log.Error("what is stored could not be typed again: it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-poll.C:
			if err := s.poll(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("the definitions could not be read: it is tried again", "error", err)
			}
		}
	}
}

// CatchUp types again what is stored, if the definitions have changed since it
// was last done, in steps that leave pushes as much time as they take.
//
// Errors: catalog.ErrStaleType when the definitions change meanwhile.
func (s *Store) CatchUp(ctx context.Context, configs Configs) error {
	t, err := s.cat.Typing(ctx)
	if err != nil {
		return err
	}
	st := s.current.Load()
	if t.Generation != st.generation {
		return catalog.ErrStaleType
	}
	r := &retyper{Store: s, st: st, configs: configs, pace: pace{journal: s.cat.Journal()}}
	if r.changed, err = changedNames(t); err != nil {
		return err
	}
	if len(r.changed) > 0 {
		if err := r.run(ctx); err != nil {
			return err
		}
	}
	// What was begun and not finished is not found by a walk: the manifest
	// itself is what it should be.
	if err := r.finish(ctx); err != nil {
		return err
	}
	if t.Walked != t.Definitions {
		return s.cat.EndWalk(ctx, st.generation)
	}
	return nil
}

// changedNames are the types that stored manifests were not brought up to yet.
func changedNames(t catalog.Typing) (map[string]bool, error) {
	now, err := hashes(t.Definitions)
	if err != nil {
		return nil, err
	}
	walked, err := hashes(t.Walked)
	return differing(now, walked), err
}

// unwalked is what stored manifests can be said to be brought up to when the
// definitions change from what they are to what they will be: some are of
// these from now on, whatever becomes of the definitions next.
func unwalked(t catalog.Typing, will string) (string, error) {
	walked, err := hashes(t.Walked)
	if err != nil {
		return "", err
	}
	is, err := hashes(t.Definitions)
	if err != nil {
		return "", err
	}
	next, err := hashes(will)
	if err != nil {
		return "", err
	}
	for name := range differing(is, next) {
		walked[name] = "" // no definition's hash
	}
	raw, err := json.Marshal(walked)
	return string(raw), err
}

func hashes(text string) (map[string]string, error) {
	out := map[string]string{}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("types: what is typed by: %w", err)
	}
	return out, nil
}

// differing are the names that do not have the same hash in both.
func differing(a, b map[string]string) map[string]bool {
	out := map[string]bool{}
	for _, m := range []map[string]string{a, b} {
		for name := range m {
			if x, ok := a[name]; !ok || x != b[name] {
				out[name] = true
			} else if _, ok := b[name]; !ok {
				out[name] = true
			}
		}
	}
	return out
}

// retyper is one walk.
type retyper struct {
	*Store
	st      *state
	configs Configs
	changed map[string]bool
	pace    pace
	seen    int
	written int
}

func (r *retyper) run(ctx context.Context) error {
	walks, err := r.cat.Walks(ctx, r.st.generation)
	if err != nil {
		return err
	}
	for _, w := range walks {
		for w.Pos < w.Ends {
			if w, err = r.step(ctx, w); err != nil {
				return err
			}
		}
	}
	if r.seen > 0 {
		r.log.Info("typed again what is stored", "manifests", r.seen, "changed", r.written)
	}
	return nil
}

// finish tells the tags of manifests with very many of them what was begun and
// not finished: by this replica before it was stopped, or by another.
func (r *retyper) finish(ctx context.Context) error {
	for {
		begun, err := r.cat.Unfinished(ctx)
		if err != nil || len(begun) == 0 {
			return err
		}
		for _, u := range begun {
			for more := true; more; {
				err := r.pace.run(ctx, func() (err error) {
					more, err = r.cat.Finish(ctx, u)
					return err
				})
				if err != nil {
					return err
				}
			}
		}
	}
}

// step looks at some manifests and writes those that have changed.
func (r *retyper) step(ctx context.Context, w catalog.Walk) (next catalog.Walk, err error) {
	var todo []work
	err = r.pace.run(ctx, func() (err error) {
		todo, next, err = r.look(ctx, w)
		return err
	})
	for len(todo) > 0 && err == nil {
		now := together(todo, r.pace.others())
		var left []work
		err = r.pace.run(ctx, func() (err error) {
			left, err = r.write(ctx, todo[:now])
			return err
		})
		todo = append(left, todo[now:]...)
	}
	if err != nil {
		return w, err
	}
	return next, r.cat.SaveWalk(ctx, r.st.generation, next)
}

// work is what has changed in a repository.
type work struct {
	repo  string
	items []catalog.Retyped
	rows  int64 // manifests and tags
}

// look gathers what has changed of the next manifests.
func (r *retyper) look(ctx context.Context, w catalog.Walk) (todo []work, next catalog.Walk, err error) {
	stored, next, err := r.cat.Walked(ctx, w, r.opt.Page)
	if err != nil {
		return nil, w, err
	}
	at := map[string]int{}
	for _, m := range stored {
		now, err := r.retype(ctx, m)
		if err != nil {
			return nil, w, err
		}
		if now.Short == m.Type.Short && now.Shown == m.Shown {
			continue
		}
		i, ok := at[m.Repository]
		if !ok {
			i = len(todo)
			at[m.Repository], todo = i, append(todo, work{repo: m.Repository})
		}
		todo[i].items = append(todo[i].items, now)
		todo[i].rows += 1 + m.Tags
		r.written++
	}
	r.seen += len(stored)
	return todo, next, nil
}

// bounds of what is written at once, to share a commit: most repositories have
// few manifests in a step, and neighbours in time are neighbours in the lists.
type bounds struct {
	repos int
	rows  int64 // manifests and tags: while they are written, nobody else can
}

var (
	alone  = bounds{64, 1000}
	shared = bounds{16, 64} // some 10 ms
)

// together is how many of the first are to be written at once.
func together(todo []work, others bool) int {
	b := alone
	if others {
		b = shared
	}
	rows := int64(0)
	for i, w := range todo[:min(len(todo), b.repos)] {
		if rows += w.rows; rows > b.rows {
			return max(i, 1)
		}
	}
	return min(len(todo), b.repos)
}

// write types again what has changed in some repositories, and returns what is
// left of it.
func (r *retyper) write(ctx context.Context, todo []work) (left []work, err error) {
	var wg sync.WaitGroup
	errs := make([]error, len(todo))
	for i := range todo {
		wg.Go(func() {
			todo[i].items, errs[i] = r.cat.Retype(ctx, r.st.generation, todo[i].repo, todo[i].items)
		})
	}
	wg.Wait()
	for _, w := range todo {
		if len(w.items) > 0 {
			left = append(left, w)
		}
	}
	return left, errors.Join(errs...)
}

// retype tells what a stored manifest is by the definitions of now. The config
// is read only where what it shows can have changed.
func (r *retyper) retype(ctx context.Context, m *catalog.Stored) (catalog.Retyped, error) {
	out := catalog.Retyped{ID: m.ID, Short: m.Type.Short, Shown: m.Shown}
	facts, err := arttype.ReadFacts(m.MediaType, m.Bytes)
	if err != nil {
		return out, nil // it was taken when less was checked: it stays what it is
	}
	typ, _ := r.st.set.Match(&facts)
	if out.Short = typ.Name; typ.Name == arttype.Unknown {
		out.Short = ""
	}
	if out.Short == m.Type.Short && !r.changed[typ.Name] {
		return out, nil
	}
	out.Shown = ""
	if len(typ.Definition.Show) == 0 {
		return out, nil
	}
	config, err := r.configs(ctx, m.Repository, m.Bytes)
	if err == nil && config != nil {
		out.Shown = Shown(typ, config)
	}
	return out, err
}
