package arttype

import "slices"

// index finds the rules that may hold of some facts without trying the others.
// Each rule is in it once, under the field that few other manifests share.
type index struct {
	artifactType, config, layer, mediaType typeIndex
	annotation, layerAnnotation            map[string][]*rule
	// kinds holds the rules that name no type and no annotation.
	kinds []*rule
}

// typeIndex holds rules under a media type, or under the beginning of one.
type typeIndex struct {
	exact map[string][]*rule
	wild  prefixes
}

// maxSharers bounds the rules under one value, so that no definition can make
// every push of some type pay.
const maxSharers = 64

// indexBuilder collects rules for an index.
type indexBuilder struct {
	exact, wild map[string]map[string][]*rule // field, text
}

func newIndexBuilder() *indexBuilder {
	return &indexBuilder{map[string]map[string][]*rule{}, map[string]map[string][]*rule{}}
}

// add puts a rule under its place; it tells false when that is full.
func (b *indexBuilder) add(r *rule) bool {
	field, p := r.place()
	side := b.exact
	if p.wild {
		side = b.wild
	}
	if side[field] == nil {
		side[field] = map[string][]*rule{}
	}
	if len(side[field][p.text]) >= maxSharers {
		return false
	}
	side[field][p.text] = append(side[field][p.text], r)
	return true
}

// remove takes out rules that were added last.
func (b *indexBuilder) remove(rules []*rule) {
	for _, r := range rules {
		field, p := r.place()
		side := b.exact
		if p.wild {
			side = b.wild
		}
		side[field][p.text] = slices.DeleteFunc(side[field][p.text], func(other *rule) bool { return other == r })
	}
}

// place chooses the field under which a rule is found: all of its fields must
// hold, so any will do, and the one that says most is met least.
func (r *rule) place() (field string, p pattern) {
	type option struct {
		field string
		p     pattern
	}
	options := []option{{ByArtifactType, r.artifactType}, {ByConfig, r.config}, {ByLayer, r.layer}}
	loud := func(o option) bool { return o.p.given() && (o.field == ByLayer || !quiet(o.p.text)) }
	for _, wild := range []bool{false, true} {
		for _, o := range options {
			if loud(o) && o.p.wild == wild {
				return o.field, o.p
			}
		}
	}
	switch {
	case r.annotation.key != "":
		return ByAnnotation, pattern{text: r.annotation.key}
	case r.layerAnnotation.key != "":
		return ByLayerAnnotation, pattern{text: r.layerAnnotation.key}
	}
	for _, o := range append(options, option{ByMediaType, r.mediaType}) {
		if o.p.given() {
			return o.field, o.p
		}
	}
	return ByKind, pattern{}
}

func (b *indexBuilder) build() index {
	types := func(field string) typeIndex { return typeIndex{b.exact[field], newPrefixes(b.wild[field])} }
	return index{
		artifactType: types(ByArtifactType), config: types(ByConfig), layer: types(ByLayer), mediaType: types(ByMediaType),
		annotation: b.exact[ByAnnotation], layerAnnotation: b.exact[ByLayerAnnotation], kinds: b.exact[ByKind][""],
	}
}

// find gives the rules that may hold to a choice.
func (x *index) find(c *choice) {
	f := c.facts
	x.artifactType.find(f.ArtifactType, c)
	x.config.find(f.Config, c)
	x.mediaType.find(f.MediaType, c)
	c.try(x.kinds)
	if len(x.layer.exact) > 0 || len(x.layer.wild.texts) > 0 {
		for l := range f.layerRuns() {
			x.layer.find(l, c)
		}
	}
	findAnnotations(x.annotation, f.Annotations, c)
	if len(x.layerAnnotation) > 0 {
		for _, a := range f.annotatedLayers() {
			findAnnotations(x.layerAnnotation, a, c)
		}
	}
}

func (x *typeIndex) find(mediaType string, c *choice) {
	if mediaType == "" {
		return
	}
	c.try(x.exact[mediaType])
	for i := x.wild.last(mediaType); i >= 0; i = x.wild.parent[i] {
		c.try(x.wild.rules[i])
	}
}

// findAnnotations looks the fewer keys up among the more, so that a manifest
// with very many annotations costs no more than one with some.
func findAnnotations(rules map[string][]*rule, annotations map[string]string, c *choice) {
	if len(annotations) < len(rules) {
		for key := range annotations {
			c.try(rules[key])
		}
		return
	}
	for key, rs := range rules {
		if _, ok := annotations[key]; ok {
			c.try(rs)
		}
	}
}

// choice is the best rule so far.
type choice struct {
	facts *Facts
	best  *rule
	score int
}

func (c *choice) try(rules []*rule) {
	for _, r := range rules {
		if r == c.best || !r.holds(c.facts) {
			continue
		}
		score := r.score(c.facts)
		if c.best == nil || score > c.score || score == c.score && r.order < c.best.order {
			c.best, c.score = r, score
		}
	}
}

// inOrder numbers rules by the order that settles what their fields leave open.
func inOrder(rules []*rule) {
	slices.SortStableFunc(rules, before)
	for i, r := range rules {
		r.order = i
	}
}
