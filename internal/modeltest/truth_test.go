package modeltest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// truth is what the registry holds, kept beside it by the schedule.
type truth struct {
	repos map[string]*repoTruth
	short func(*document) string // the short name of its type, now
}

type repoTruth struct {
	born      time.Time
	manifests map[digest.Digest]*manifestTruth
	tags      map[string]*tagTruth
	orphans   map[digest.Digest]bool // what deleted indexes have left behind
}

type manifestTruth struct {
	doc  *document
	born time.Time
	kept bool // it has, or has had, a tag
}

type tagTruth struct {
	to   digest.Digest
	born time.Time
}

// put is a push of a manifest with tags; it reports false if the registry must
// refuse it.
func (tr *truth) put(doc *document, tags []string, now time.Time) bool {
	r := tr.repos[doc.repo]
	for _, c := range doc.children {
		if r == nil || r.manifests[c] == nil {
			return false
		}
	}
	if r == nil {
		r = &repoTruth{now, map[digest.Digest]*manifestTruth{}, map[string]*tagTruth{}, map[digest.Digest]bool{}}
		tr.repos[doc.repo] = r
	}
	if r.manifests[doc.digest] == nil {
		r.manifests[doc.digest] = &manifestTruth{doc: doc, born: now}
	}
	delete(r.orphans, doc.digest)
	for _, t := range tags {
		if r.tags[t] == nil {
			r.tags[t] = &tagTruth{born: now}
		}
		r.tags[t].to = doc.digest
		r.manifests[doc.digest].kept = true
	}
	return true
}

// deleteTag returns the error code that the registry must answer, empty for
// none; so do the other deletions.
func (tr *truth) deleteTag(repo, tag string) lading.Code {
	r := tr.repos[repo]
	if r == nil {
		return lading.CodeNameUnknown
	}
	if r.tags[tag] == nil {
		return lading.CodeManifestUnknown
	}
	delete(r.tags, tag)
	return ""
}

func (tr *truth) deleteManifest(repo string, d digest.Digest) lading.Code {
	r := tr.repos[repo]
	if r == nil {
		return lading.CodeNameUnknown
	}
	if r.manifests[d] == nil {
		return lading.CodeManifestUnknown
	}
	if r.listed(d) {
		return lading.CodeConflict
	}
	r.drop(d)
	maps.DeleteFunc(r.tags, func(_ string, t *tagTruth) bool { return t.to == d })
	return ""
}

// listed tells whether an index lists the manifest.
func (r *repoTruth) listed(d digest.Digest) bool {
	for _, m := range r.manifests {
		if slices.Contains(m.doc.children, d) {
			return true
		}
	}
	return false
}

// drop removes a manifest; its children may go later. What the manifests of a
// schedule have as their subjects is never there.
func (r *repoTruth) drop(d digest.Digest) {
	for _, c := range r.manifests[d].doc.children {
		if m := r.manifests[c]; m != nil && !m.kept {
			r.orphans[c] = true
		}
	}
	delete(r.manifests, d)
	delete(r.orphans, d)
}

// sweep removes what deleted indexes have left behind and nothing else keeps.
func (tr *truth) sweep() (removed int) {
	for _, r := range tr.repos {
		for len(r.orphans) > 0 {
			for d := range r.orphans {
				delete(r.orphans, d)
				if m := r.manifests[d]; m != nil && !m.kept && !r.listed(d) {
					r.drop(d)
					removed++
				}
			}
		}
	}
	return removed
}

func (tr *truth) deleteRepository(repo string) lading.Code {
	if tr.repos[repo] == nil {
		return lading.CodeNameUnknown
	}
	delete(tr.repos, repo)
	return ""
}

func (r *repoTruth) tagsOf(d digest.Digest) (out []string) {
	for name, t := range r.tags {
		if t.to == d {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// state is what of an item is compared with the model.
type state struct {
	Repository, Tag, Digest, MediaType, Type, Short string
	Subject                                         string
	Size                                            int64
	Tags                                            []string
	TagCount                                        int64
	Platform                                        string
	In                                              string // where the manifest says that it was pushed
}

func (s state) text() string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// want is what a copy under the query must hold, by key, for a caller with
// those rules.
func (tr *truth) want(q lading.Query, rs rules) map[string]state {
	out := map[string]state{}
	for name, r := range tr.repos {
		if !rs.allow(name) || !inScope(q.Scope, name) {
			continue
		}
		switch q.Kind {
		case lading.KindRepositories:
			if inTime(q.Scope, r.born) {
				out["repository:"+name] = state{Repository: name}
			}
		case lading.KindTags:
			r.wantTags(q.Scope, name, tr.short, out)
		case lading.KindManifests:
			r.wantManifests(q.Scope, name, tr.short, out)
		}
	}
	return out
}

func (r *repoTruth) wantTags(s lading.Scope, name string, short func(*document) string, out map[string]state) {
	for tag, t := range r.tags {
		m := r.manifests[t.to]
		if matches(s, m, short) && inTime(s, t.born) && (s.Repository == "" || nameMatches(s, tag)) {
			st := m.state(name, short)
			st.Tag = tag
			out["tag:"+name+":"+tag] = st
		}
	}
}

func (r *repoTruth) wantManifests(s lading.Scope, name string, short func(*document) string, out map[string]state) {
	for d, m := range r.manifests {
		tags := r.tagsOf(d)
		if !matches(s, m, short) || !inTime(s, m.born) || s.Tagged != nil && *s.Tagged != (len(tags) > 0) || s.Subject != "" && s.Subject != m.doc.subject {
			continue
		}
		st := m.state(name, short)
		st.Tags, st.TagCount = tags, int64(len(tags))
		out["manifest:"+name+"@"+string(d)] = st
	}
}

func (m *manifestTruth) state(repo string, short func(*document) string) state {
	s := state{Repository: repo, Digest: string(m.doc.digest), MediaType: m.doc.mediaType, Type: m.doc.typ, Short: short(m.doc),
		Subject: string(m.doc.subject), Size: int64(len(m.doc.raw)), In: m.doc.repo}
	if len(m.doc.platforms) == 1 {
		s.Platform = m.doc.platforms[0]
	}
	return s
}

func inScope(s lading.Scope, repo string) bool {
	if s.Repository != "" {
		return repo == s.Repository
	}
	if s.Namespace != "" && repo != s.Namespace && !strings.HasPrefix(repo, s.Namespace+"/") {
		return false
	}
	return nameMatches(s, repo)
}

func nameMatches(s lading.Scope, name string) bool {
	if len(s.Prefix) > 0 && !slices.ContainsFunc(s.Prefix, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return false
	}
	return !slices.ContainsFunc(s.Exclude, func(x string) bool {
		if p, wild := strings.CutSuffix(x, "*"); wild {
			return strings.HasPrefix(name, p)
		}
		return name == x
	})
}

func inTime(s lading.Scope, born time.Time) bool {
	return (s.CreatedAfter.IsZero() || born.After(s.CreatedAfter)) && (s.CreatedBefore.IsZero() || born.Before(s.CreatedBefore))
}

func matches(s lading.Scope, m *manifestTruth, short func(*document) string) bool {
	if len(s.Types) > 0 && !slices.Contains(s.Types, m.doc.typ) && !slices.Contains(s.Types, short(m.doc)) {
		return false
	}
	return len(s.Platforms) == 0 || slices.ContainsFunc(s.Platforms, func(want string) bool {
		return slices.ContainsFunc(m.doc.platforms, func(have string) bool {
			return have == want || strings.HasPrefix(have, want+"/")
		})
	})
}
