package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// head are the columns of a listing.
func (v view) head() []string {
	var head []string
	if v.delta {
		head = append(head, "OP")
	}
	when := "AGE"
	if v.byModified {
		when = "CHANGED"
	}
	switch v.kind {
	case lading.KindRepositories:
		head = append(head, "REPOSITORY")
		if v.stats {
			head = append(head, "TAGS", "MANIFESTS", "SIZE", "LAST PUSH")
		}
		return append(head, when)
	case lading.KindTags:
		return append(head, "TAG", "TYPE", "DIGEST", "SIZE", "PLATFORM", when)
	case lading.KindManifests:
		return append(head, "MANIFEST", "TYPE", "TAGS", "SIZE", "PLATFORM", when)
	}
	head = []string{"NAMESPACE", "REPOSITORY", "MORE"}
	if v.stats {
		head = append(head, "REPOSITORIES")
	}
	return head
}

// cells are an item's.
func (v view) cells(it lading.Item) []string {
	var cells []string
	if v.delta {
		cells = append(cells, string(it.Op))
	}
	cells = append(cells, v.label(it))
	if v.kind == lading.KindRepositories {
		if v.stats {
			cells = append(cells, v.statCells(it.Stats)...)
		}
		return append(cells, v.when(it))
	}
	var mid, bytes, platform string
	if d := it.Descriptor; d != nil {
		mid, bytes, platform = short(d.Digest), size(d.Size), platformText(d.Platform)
		if v.kind == lading.KindManifests {
			mid = tagsText(it)
		}
	}
	return append(cells, typeText(it), mid, bytes, platform, v.when(it))
}

// typeText is the type of an item; of one that no definition knows, what it
// says of itself.
func typeText(it lading.Item) string {
	if it.Type == lading.TypeUnknown && it.Descriptor != nil && it.Descriptor.ArtifactType != "" {
		return "? " + it.Descriptor.ArtifactType
	}
	return it.Type
}

// label is the item's name, as short as where it is shown allows.
func (v view) label(it lading.Item) string {
	_, rest, _ := strings.Cut(it.Key, ":")
	repo, in := it.Repository, v.repositoryScope()
	switch {
	case strings.HasPrefix(it.Key, "tag:"):
		name := shortTag(strings.TrimPrefix(rest, repo+":"))
		if in {
			return name
		}
		return repo + ":" + name
	case strings.HasPrefix(it.Key, "manifest:"):
		name := shortText(strings.TrimPrefix(rest, repo+"@"))
		if in {
			return name
		}
		return repo + "@" + name
	case strings.HasPrefix(it.Key, "repository:"):
		return rest
	}
	return it.Key
}

// tagsText are the first tags of a manifest.
func tagsText(it lading.Item) string {
	const shown = 3
	n := int64(len(it.Tags))
	if it.TagCount != nil {
		n = max(n, *it.TagCount)
	}
	var tags []string
	for _, tag := range it.Tags[:min(len(it.Tags), shown)] {
		tags = append(tags, shortTag(tag))
	}
	text := strings.Join(tags, ",")
	if n > shown {
		text += fmt.Sprintf(" and %d more", n-shown)
	}
	return text
}

// shortTag is a tag as tables show it: of one that is made of a digest, the
// beginning and the end.
func shortTag(tag string) string {
	of, suffix, _ := strings.Cut(tag, ".")
	if !referrersTag.MatchString(of) {
		return tag
	}
	alg, hex, _ := strings.Cut(of, "-")
	short := alg + "-" + hex[:12] + "…"
	if suffix != "" {
		short += "." + suffix
	}
	return short
}

// when is how long ago an item was pushed or, where the order is by that,
// changed.
func (v view) when(it lading.Item) string {
	at := it.Created
	if v.byModified {
		at = it.Modified
	}
	return v.ago(at)
}

func (v view) ago(at *time.Time) string {
	if at == nil {
		return ""
	}
	return age(v.now(), *at)
}

func (v view) statCells(s *lading.Stats) []string {
	if s == nil {
		return []string{"", "", "", ""}
	}
	return []string{number(s.Tags), number(s.Manifests), size(s.Size), v.ago(s.LastPush)}
}

func (v view) namespaceCells(ns lading.Namespace) []string {
	cells := []string{ns.Namespace, yes(ns.Repository), yes(ns.More)}
	if !v.stats {
		return cells
	}
	if ns.Stats == nil {
		return append(cells, "")
	}
	return append(cells, number(ns.Stats.Repos))
}

// number is a count that may be "1000+".
func number(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
