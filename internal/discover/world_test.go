package discover_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// thing is an item as the test knows it: what a plain reading of the
// specification needs.
type thing struct {
	kind          lading.Kind
	repo, tag     string
	m             spec
	born, mod     int
	tags          map[string]bool // a manifest's
	bornAt, modAt time.Time
}

func (th *thing) name() string {
	if th.kind == lading.KindTags {
		return th.tag
	}
	return string(th.m.Digest())
}

func (th *thing) key() string {
	switch th.kind {
	case lading.KindTags:
		return lading.TagKey(th.repo, th.tag)
	case lading.KindManifests:
		return lading.ManifestKey(th.repo, th.m.Digest())
	}
	return lading.RepositoryKey(th.repo)
}

// model holds what lives, without databases, feeds or cursors.
type model struct {
	f      *fixture
	things map[string]*thing
	step   int // changes, a second each
	order  int // rows journalled
}

func (md *model) at(key string) *thing { return md.things[key] }

func (md *model) touch(key string, fresh func() *thing) *thing {
	th := md.things[key]
	md.order++
	if th == nil {
		th = fresh()
		th.born, th.bornAt = md.order, md.f.Clock.Now()
		md.things[key] = th
	}
	th.mod, th.modAt = md.order, md.f.Clock.Now()
	return th
}

// tick makes the next change later than all before.
func (md *model) tick() {
	md.step++
	md.f.Clock.Add(time.Second)
}

func (md *model) put(repo string, s spec, tags ...string) {
	md.tick()
	md.f.Put(repo, s, tags...)
	if md.at(lading.RepositoryKey(repo)) == nil {
		md.touch(lading.RepositoryKey(repo), func() *thing { return &thing{kind: lading.KindRepositories, repo: repo} })
	}
	slices.Sort(tags)
	tags = slices.DeleteFunc(slices.Compact(tags), func(tag string) bool {
		old := md.at(lading.TagKey(repo, tag))
		return old != nil && old.m.Digest() == s.Digest()
	})
	mkey := lading.ManifestKey(repo, s.Digest())
	if len(tags) == 0 && md.at(mkey) != nil {
		return
	}
	// The order of one push: the manifest, those that lose a tag, the tags.
	m := md.touch(mkey, func() *thing { return newManifest(repo, s) })
	losing := map[string]bool{}
	for _, tag := range tags {
		m.tags[tag] = true
		if old := md.at(lading.TagKey(repo, tag)); old != nil {
			from := lading.ManifestKey(repo, old.m.Digest())
			delete(md.at(from).tags, tag)
			if !losing[from] {
				md.touch(from, nil)
				losing[from] = true
			}
		}
	}
	for _, tag := range tags {
		md.touch(lading.TagKey(repo, tag), func() *thing { return &thing{kind: lading.KindTags, repo: repo, tag: tag} }).m = s
	}
}

func newManifest(repo string, s spec) *thing {
	return &thing{kind: lading.KindManifests, repo: repo, m: s, tags: map[string]bool{}}
}

func (md *model) untag(repo, tag string) {
	md.tick()
	md.f.Untag(repo, tag)
	key := lading.TagKey(repo, tag)
	m := md.touch(lading.ManifestKey(repo, md.at(key).m.Digest()), nil)
	delete(m.tags, tag)
	delete(md.things, key)
}

func (md *model) remove(repo string, d lading.Digest) {
	md.tick()
	md.f.Delete(repo, d)
	for tag := range md.at(lading.ManifestKey(repo, d)).tags {
		delete(md.things, lading.TagKey(repo, tag))
	}
	delete(md.things, lading.ManifestKey(repo, d))
}

func (md *model) end(repo string) {
	md.tick()
	md.f.End(repo)
	for key, th := range md.things {
		if th.repo == repo {
			delete(md.things, key)
		}
	}
}

var (
	worldRepos     = []string{"a", "a-b", "a-b/x", "a/y", "a/y/z", "a0", "acme/team/web", "acme/team/db", "acme/web", "b", "zoo/x"}
	worldTypes     = []string{"", "a/a", "b/b", "c/c"}
	worldPlatforms = []string{"", "linux/amd64", "linux/arm/v7", "linux/amd64 windows/amd64"}
	worldSubjects  = []lading.Digest{"", "", catalogtest.Blob("one"), catalogtest.Blob("two")}
)

// grow makes random changes.
func (md *model) grow(rng *rand.Rand, changes int) {
	for range changes {
		repo := worldRepos[rng.IntN(len(worldRepos))]
		if rng.IntN(3) == 0 {
			repo = "acme/web" // one is larger
		}
		s := worldManifest(rng.IntN(24))
		tag := fmt.Sprintf("%c%d", "tv"[rng.IntN(2)], rng.IntN(12))
		switch n := rng.IntN(100); {
		case n < 20:
			md.put(repo, s)
		case n < 70:
			md.put(repo, s, tag)
		case n < 78:
			md.put(repo, s, tag, fmt.Sprintf("v%d", rng.IntN(12)))
		case n < 88:
			if md.at(lading.TagKey(repo, tag)) != nil {
				md.untag(repo, tag)
			}
		case n < 97:
			if md.at(lading.ManifestKey(repo, s.Digest())) != nil {
				md.remove(repo, s.Digest())
			}
		default:
			if md.at(lading.RepositoryKey(repo)) != nil {
				md.end(repo)
				if rng.IntN(2) == 0 {
					md.f.Purge()
				}
			}
		}
	}
}

func worldManifest(i int) spec {
	return spec{Name: fmt.Sprint("m", i), Type: worldTypes[i%4], Platform: worldPlatforms[i/4%4], Subject: worldSubjects[i/2%4]}
}

// expect is the listing by brute force: all things that match, sorted.
func (md *model) expect(q lading.Query, grants lading.Grants) []*thing {
	var out []*thing
	for _, th := range md.things {
		if th.kind == q.Kind && grants.Contains(th.repo) && matches(th, q.Scope) {
			out = append(out, th)
		}
	}
	slices.SortFunc(out, func(a, b *thing) int {
		var c int
		switch q.Order {
		case lading.OrderCreated:
			c = cmp.Compare(a.born, b.born)
		case lading.OrderModified:
			c = cmp.Compare(a.mod, b.mod)
			if q.Kind == lading.KindRepositories {
				c = cmp.Compare(a.born, b.born)
			}
		default:
			c = cmp.Or(cmp.Compare(a.repo, b.repo), cmp.Compare(a.name(), b.name()))
		}
		if q.Desc {
			c = -c
		}
		return c
	})
	return out
}

func matches(th *thing, s lading.Scope) bool {
	name := th.repo
	if s.Repository != "" {
		if th.repo != s.Repository {
			return false
		}
		name = th.tag
	}
	if s.Namespace != "" && th.repo != s.Namespace && !strings.HasPrefix(th.repo, s.Namespace+"/") {
		return false
	}
	if len(s.Prefix) > 0 && !slices.ContainsFunc(s.Prefix, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return false
	}
	for _, x := range s.Exclude {
		if p, wild := strings.CutSuffix(x, "*"); x == name || wild && strings.HasPrefix(name, p) {
			return false
		}
	}
	mod := th.modAt
	if th.kind == lading.KindRepositories {
		mod = th.bornAt
	}
	if !s.CreatedAfter.IsZero() && th.bornAt.Before(s.CreatedAfter) || !s.CreatedBefore.IsZero() && !th.bornAt.Before(s.CreatedBefore) ||
		!s.ModifiedAfter.IsZero() && mod.Before(s.ModifiedAfter) || !s.ModifiedBefore.IsZero() && !mod.Before(s.ModifiedBefore) {
		return false
	}
	if th.kind == lading.KindRepositories {
		return true
	}
	if len(s.Types) > 0 && !slices.Contains(s.Types, th.m.Type) {
		return false
	}
	if len(s.Platforms) > 0 && !slices.ContainsFunc(strings.Fields(th.m.Platform), func(have string) bool {
		return slices.ContainsFunc(s.Platforms, func(want string) bool { return have == want || strings.HasPrefix(have, want+"/") })
	}) {
		return false
	}
	return (s.Tagged == nil || *s.Tagged == (len(th.tags) > 0)) && (s.Subject == "" || s.Subject == th.m.Subject)
}
