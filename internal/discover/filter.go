package discover

import (
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/journal"
)

// filter is a scope's conditions on content, with words resolved.
type filter struct {
	lading.Scope
	types         *typeFilter
	created, mods interval
}

// interval is after <= position < before.
type interval struct{ after, before int64 }

const forever = int64(1) << 62

func (iv interval) holds(pos int64) bool { return pos >= iv.after && pos < iv.before }

// resolveFilter makes the filter of the scope, with the types' words as the
// snapshot has them.
func (p *page) resolveFilter() error {
	p.f = scopeFilter(p.r.q.Scope)
	return p.resolveTypes()
}

// scopeFilter is the filter of a scope without its types.
func scopeFilter(s lading.Scope) filter {
	return filter{Scope: s, created: newInterval(s.CreatedAfter, s.CreatedBefore), mods: newInterval(s.ModifiedAfter, s.ModifiedBefore)}
}

func newInterval(after, before time.Time) interval {
	iv := interval{0, forever}
	if !after.IsZero() {
		iv.after = journal.Pos(after)
	}
	if !before.IsZero() {
		iv.before = journal.Pos(before)
	}
	return iv
}

// entry reports whether an item of that type can match, before it is read.
func (f *filter) entry(typ int64) bool {
	return f.types.hold(typ)
}

// repository reports whether the repository's name is not left out.
func (f *filter) repository(name string) bool {
	return f.Scope.Repository != "" || !excluded(f.Exclude, name)
}

// narrow is the part of the filter that the database applies on a walk in key
// order.
func (f *filter) narrow() catalog.Narrow {
	n := catalog.Narrow{Tagged: f.Tagged}
	if len(f.Types) > 0 && !f.types.many {
		n.Types = append([]int64{}, f.types.words...)
	}
	return n
}

// selective reports whether content is filtered at all.
func (f *filter) selective() bool {
	return len(f.Types) > 0 || len(f.Platforms) > 0 || f.Tagged != nil || f.Subject != "" ||
		f.created != interval{0, forever} || f.mods != interval{0, forever} ||
		f.Scope.Repository != "" && len(f.Prefix)+len(f.Exclude) > 0
}

// item reports whether a tag or manifest matches.
func (f *filter) item(kind lading.Kind, it *catalog.Item) bool {
	if !f.entry(it.Type) || !f.created.holds(it.Born) || !f.mods.holds(it.Mod) {
		return false
	}
	if len(f.Platforms) > 0 && !hasPlatform(it.Platform, f.Platforms) {
		return false
	}
	if kind == lading.KindTags {
		return f.tag(it.Tag)
	}
	return (f.Tagged == nil || *f.Tagged == (it.Tagged > 0)) && (f.Subject == "" || f.Subject == it.Subject)
}

// tag reports whether a tag's name matches; at registry scope names are the
// repositories'.
func (f *filter) tag(name string) bool {
	if f.Scope.Repository == "" {
		return true
	}
	if len(f.Prefix) > 0 && !slices.ContainsFunc(f.Prefix, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return false
	}
	return !excluded(f.Exclude, name)
}

// hasPlatform reports whether one of the item's platforms is wanted; a wanted
// "os/arch" takes every variant.
func hasPlatform(have string, want []string) bool {
	for h := range strings.FieldsSeq(have) {
		for _, w := range want {
			if h == w || strings.HasPrefix(h, w) && h[len(w)] == '/' && strings.Contains(w, "/") {
				return true
			}
		}
	}
	return false
}
