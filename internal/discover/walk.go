package discover

import (
	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
)

// walk goes through the live rows of the visible repositories in key order:
// repositories by name, in each its tags or manifests. It stops when the page
// is full or the budget spent, and then last is where to go on.
type walk struct {
	p       *page
	visible lading.Grants
	last    place
	desc    bool
	// bornBy leaves out what was born after these positions, per shard; nil
	// leaves out nothing.
	bornBy []int64
	// exact leaves out what changed after them as well.
	exact bool
	// reset puts a reset before each repository's content.
	reset bool
	size  int // of the last window
}

// windowSize is how many repositories are looked up at once, at most.
const windowSize = 128

// run walks from w.last on; done tells that the end was reached.
func (w *walk) run() (done bool, err error) {
	if w.last.Inside {
		stop, err := w.resume()
		if stop || err != nil {
			return false, err
		}
	}
	for ranges := w.rest(); len(ranges) > 0; {
		var repos []catalog.RepositoryItem
		if repos, ranges, err = w.p.in(ranges, w.window(), w.desc); err != nil {
			return false, err
		}
		if stop, err := w.repositories(repos); stop || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (w *walk) window() int {
	if w.p.r.q.Kind == lading.KindRepositories {
		return min(w.p.n+1, windowSize*2)
	}
	w.size = min(max(w.size*2, 8), windowSize) // a few may fill the page
	return w.size
}

// rest are the visible ranges that are still to be walked, in order.
func (w *walk) rest() []lading.Range {
	if !w.desc {
		if w.last.Name == "" {
			return append([]lading.Range(nil), w.visible.Ranges()...)
		}
		return append([]lading.Range(nil), w.visible.After(w.last.Name).Ranges()...)
	}
	g := w.visible
	if w.last.Name != "" {
		g = g.Intersect(lading.NewGrants(lading.Range{To: w.last.Name}))
	}
	rs := g.Ranges()
	out := make([]lading.Range, 0, len(rs))
	for i := len(rs) - 1; i >= 0; i-- {
		out = append(out, rs[i])
	}
	return out
}

// resume goes on in the repository that the last page ended in.
func (w *walk) resume() (stop bool, err error) {
	name := w.last.Name
	if w.visible.Contains(name) {
		repos, err := w.p.e.cat.RepositoriesIn(w.p.ctx, w.p.q, lading.RepositoryRange(name), 1, false)
		if err != nil {
			return false, err
		}
		if len(repos) == 1 && w.shows(repos[0].ID, repos[0].Born) {
			if stop, err := w.long(repos[0], w.last.Key); stop || err != nil {
				return stop, err
			}
		}
	}
	w.last = place{Phase: w.last.Phase, Name: name}
	return false, nil
}

func (w *walk) shows(id, born int64) bool {
	return w.bornBy == nil || born <= w.bornBy[journal.ShardOf(id)]
}

// repositories walks a window of repositories. Small ones are read together.
func (w *walk) repositories(repos []catalog.RepositoryItem) (stop bool, err error) {
	var batch []catalog.RepositoryItem
	rows := int64(0)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		stop, err = w.short(batch)
		batch, rows = nil, 0
		return err
	}
	for _, r := range repos {
		count := w.count(r)
		switch {
		case w.p.r.q.Kind == lading.KindRepositories:
			if stop := w.repository(r); stop {
				return true, nil
			}
			continue
		case !w.p.f.repository(r.Name) || !w.shows(r.ID, r.Born) || (count == 0 && !w.reset):
			if w.p.budget--; w.p.spent() {
				if err := flush(); stop || err != nil {
					return stop, err
				}
				w.last = place{Phase: w.last.Phase, Name: r.Name}
				return true, nil
			}
		case rows+count > w.chunk():
			if err := flush(); stop || err != nil {
				return stop, err
			}
			if stop, err := w.begin(r); stop || err != nil {
				return stop, err
			}
			if stop, err := w.long(r, ""); stop || err != nil {
				return stop, err
			}
			w.last = place{Phase: w.last.Phase, Name: r.Name}
		default:
			batch, rows = append(batch, r), rows+count
		}
	}
	err = flush()
	return stop, err
}

// count is how many rows a repository has.
func (w *walk) count(r catalog.RepositoryItem) int64 {
	if w.p.r.q.Kind == lading.KindManifests {
		return r.Manifests
	}
	return r.Tags
}

// chunk is how many rows are read, or looked at, at once.
func (w *walk) chunk() int64 {
	switch {
	case w.p.f.narrow().Active():
		return 1024
	case w.p.f.selective():
		return 256
	}
	return int64(min(w.p.n+1-len(w.p.out), 256))
}

// repository adds a repository as an item of its own.
func (w *walk) repository(r catalog.RepositoryItem) (stop bool) {
	p := w.p
	if p.f.repository(r.Name) && w.shows(r.ID, r.Born) && p.f.created.holds(r.Born) && p.f.mods.holds(r.Born) {
		if !p.room() {
			return true
		}
		p.add(p.repositoryItem(r))
	}
	w.last = place{Phase: w.last.Phase, Name: r.Name}
	p.budget--
	return p.spent()
}

// begin opens a repository's content with its reset.
func (w *walk) begin(r catalog.RepositoryItem) (stop bool, err error) {
	if !w.reset {
		return false, nil
	}
	if !w.p.room() {
		return true, nil
	}
	w.p.add(resetItem(r.Name))
	w.last = place{Phase: w.last.Phase, Name: r.Name, Inside: true}
	return false, nil
}

func resetItem(name string) lading.Item {
	return lading.Item{Op: lading.OpReset, Key: lading.RepositoryKey(name), Repository: name}
}

// short walks repositories whose rows are few, all read at once.
func (w *walk) short(repos []catalog.RepositoryItem) (stop bool, err error) {
	read := w.p.e.cat.AllTagsOf
	if w.p.r.q.Kind == lading.KindManifests {
		read = w.p.e.cat.AllManifestsOf
	}
	items, err := read(w.p.ctx, w.p.q, repos, w.p.f.narrow())
	if err != nil {
		return false, err
	}
	for _, r := range repos {
		n := 0
		for n < len(items) && items[n].Repo.ID == r.ID {
			n++
		}
		own := items[:n:n]
		items = items[n:]
		if w.desc {
			reverse(own)
		}
		if stop, err := w.begin(r); stop || err != nil {
			return stop, err
		}
		if stop, err := w.rows(own); stop || err != nil {
			return stop, err
		}
		w.last = place{Phase: w.last.Phase, Name: r.Name}
		w.p.budget -= int(w.count(r)) - n // those that the database left out
		if w.p.spent() {
			return true, nil
		}
	}
	return false, nil
}

func reverse(items []*catalog.Item) {
	for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
		items[i], items[j] = items[j], items[i]
	}
}

// long walks one repository after a key, in chunks.
func (w *walk) long(r catalog.RepositoryItem, after string) (stop bool, err error) {
	if w.p.f.narrow().Active() {
		return w.narrowed(r, after)
	}
	for {
		n := int(w.chunk())
		var items []*catalog.Item
		if w.p.r.q.Kind == lading.KindManifests {
			items, err = w.p.e.cat.ManifestsOf(w.p.ctx, w.p.q, r, digest.Digest(after), n, w.desc)
		} else {
			items, err = w.p.e.cat.TagsOf(w.p.ctx, w.p.q, r, after, n, w.desc)
		}
		if err != nil {
			return false, err
		}
		if stop, err := w.rows(items); stop || err != nil {
			return stop, err
		}
		if len(items) < n {
			return false, nil
		}
		after = w.last.Key
	}
}

// narrowed is long where the database leaves rows out: it looks at windows of
// rows, of which none may be left.
func (w *walk) narrowed(r catalog.RepositoryItem, after string) (stop bool, err error) {
	for after, more := after, true; more; {
		scan := max(1, min(w.p.budget, 1024))
		var items []*catalog.Item
		var end string
		if w.p.r.q.Kind == lading.KindManifests {
			items, end, err = w.p.e.cat.ManifestsWithin(w.p.ctx, w.p.q, r, digest.Digest(after), scan, w.desc, w.p.f.narrow())
		} else {
			items, end, err = w.p.e.cat.TagsWithin(w.p.ctx, w.p.q, r, after, scan, w.desc, w.p.f.narrow())
		}
		if err != nil {
			return false, err
		}
		if stop, err := w.rows(items); stop || err != nil {
			return stop, err
		}
		if more = end != ""; more {
			w.last = place{Phase: w.last.Phase, Name: r.Name, Key: end, Inside: true}
			w.p.budget -= scan - len(items)
			if w.p.spent() {
				return true, nil
			}
		}
		after = end
	}
	return false, nil
}

// rows adds those of a repository's rows that match.
func (w *walk) rows(items []*catalog.Item) (stop bool, err error) {
	p := w.p
	match := func(it *catalog.Item) bool {
		return w.shows(it.ID, it.Born) && (!w.exact || w.shows(it.ID, it.Mod)) && p.f.item(p.r.q.Kind, it)
	}
	if err := p.complete(items, match); err != nil {
		return false, err
	}
	for _, it := range items {
		if match(it) {
			if !p.room() {
				return true, nil
			}
			p.addRow(it)
		}
		w.last = place{Phase: w.last.Phase, Name: it.Repo.Name, Key: keyOf(p.r.q.Kind, it), Inside: true}
		if p.budget--; p.spent() {
			return true, nil
		}
	}
	return false, nil
}

func keyOf(kind lading.Kind, it *catalog.Item) string {
	if kind == lading.KindTags {
		return it.Tag
	}
	return string(it.Digest)
}
