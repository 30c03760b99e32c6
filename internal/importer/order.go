package importer

import (
	"context"
	"slices"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/importer/source"
)

// together is how much later than its manifest a tag may have been set, to be
// put with it: clients push both at once.
const together = time.Second

// maxTags is how many tags are put with one manifest, in one transaction.
const maxTags = 64

// event is one manifest to put with its tags, or one tag for a manifest that
// is there by then.
type event struct {
	repo *repository
	m    *manifest
	tags []string
	only bool // tags alone
	when time.Time
	late bool // the time cannot be kept: it is that of the import
}

// events lists what is to be put, in order: first what keeps its time, by
// time, then the rest; what an index lists always before the index, and a tag
// after its manifest.
func (im *run) events(ctx context.Context, repos []*repository) ([]event, error) {
	var all []event
	for _, r := range repos {
		es, err := im.eventsOf(ctx, r)
		if err != nil {
			return nil, err
		}
		all = append(all, es...)
	}
	// The sort is stable, and times never precede those of what must come
	// before.
	slices.SortStableFunc(all, func(a, b event) int {
		if a.late != b.late {
			if b.late {
				return -1
			}
			return 1
		}
		return a.when.Compare(b.when)
	})
	return all, nil
}

func (im *run) eventsOf(ctx context.Context, r *repository) (out []event, err error) {
	var newest time.Time
	if im.opt.Newest != nil {
		newest = im.opt.Newest(r.to)
	}
	tags, err := im.tagsOf(ctx, r)
	if err != nil {
		return nil, err
	}
	for _, m := range r.manifests {
		m.date(newest)
		e := event{repo: r, m: m, when: m.when, late: m.late}
		var later []event
		for _, t := range tags[m.desc.Digest] {
			te := event{repo: r, m: m, tags: []string{t.Name}, only: true}
			te.date(t.Time, newest)
			if !m.present && te.late == e.late && te.when.Sub(e.when) < together && len(e.tags) < maxTags {
				e.tags = append(e.tags, t.Name)
			} else {
				later = append(later, te)
			}
		}
		if !m.present {
			out = append(out, e)
		}
		out = append(out, later...)
	}
	return out, nil
}

// date decides when a manifest is put: not before what it lists. Positions of
// one moment are some microseconds apart, so a second's grace is given before
// a time counts as passed by.
func (m *manifest) date(newest time.Time) {
	m.late = m.when.IsZero() || m.when.Add(time.Second).Before(newest)
	for _, c := range m.children {
		if c.when.After(m.when) {
			m.when = c.when
		}
		m.late = m.late || c.late && !c.present
	}
}

func (e *event) date(set time.Time, newest time.Time) {
	set = known(set)
	e.when = e.m.when
	if set.After(e.when) {
		e.when = set
	}
	e.late = e.m.late && !e.m.present || set.IsZero() && e.m.present || e.when.Add(time.Second).Before(newest)
}

// tagsOf are the tags that are not yet as the source has them, by the digest
// of their manifests. Those without a manifest are reported.
func (im *run) tagsOf(ctx context.Context, r *repository) (map[lading.Digest][]source.Tag, error) {
	there := map[lading.Digest]bool{}
	for _, m := range r.manifests {
		there[m.desc.Digest] = true
	}
	out := map[lading.Digest][]source.Tag{}
	for _, t := range r.tags {
		if !there[t.Digest] {
			im.report.skip(skipTag, r.from, t.Name, "its manifest "+string(t.Digest)+" is not at the source, or was skipped")
			continue
		}
		desc, err := im.reg.Resolve(ctx, r.to, lading.Reference{Tag: t.Name})
		if unlessUnknown(err) != nil {
			return nil, err
		}
		if err == nil && desc.Digest == t.Digest {
			im.report.Tags.Present++
			continue
		}
		out[t.Digest] = append(out[t.Digest], t)
	}
	return out, nil
}
