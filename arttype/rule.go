package arttype

import (
	"cmp"
	"fmt"
	"strings"
)

// rule is one alternative of one definition, compiled.
type rule struct {
	typ                                    *Type
	artifactType, config, layer, mediaType pattern
	annotation, layerAnnotation            pair
	kind                                   Kind
	subject                                bool
	noArtifactType, noConfig, noSubject    bool
	fields                                 int
	// order settles what the fields leave open: source, longer prefix, name.
	order int
}

// pattern is a media type, or the beginning of one.
type pattern struct {
	text string
	wild bool
}

func newPattern(s string) pattern {
	if head, wild := strings.CutSuffix(s, "*"); wild {
		return pattern{head, true}
	}
	return pattern{text: s}
}

func (p pattern) given() bool { return p.text != "" || p.wild }

func (p pattern) fits(s string) bool {
	if p.wild {
		return s != "" && strings.HasPrefix(s, p.text)
	}
	return s == p.text
}

// pair is an annotation's key, and its value if that matters.
type pair struct {
	key, value string
	valued     bool
}

func newPair(s string) pair {
	key, value, valued := strings.Cut(s, "=")
	return pair{key, value, valued}
}

func (p pair) fits(annotations map[string]string) bool {
	v, ok := annotations[p.key]
	return ok && (!p.valued || v == p.value)
}

func newRule(t *Type, m Match) *rule {
	r := &rule{
		typ: t, artifactType: newPattern(m.ArtifactType), config: newPattern(m.Config), layer: newPattern(m.Layer),
		mediaType: newPattern(m.MediaType), annotation: newPair(m.Annotation), layerAnnotation: newPair(m.LayerAnnotation),
		kind: m.Kind, subject: m.Subject, fields: m.fields(),
	}
	for _, name := range m.Without {
		switch name {
		case ByArtifactType:
			r.noArtifactType = true
		case ByConfig:
			r.noConfig = true
		case BySubject:
			r.noSubject = true
		}
	}
	return r
}

// fields counts what the alternative asks to be there. What it asks to be
// absent does not count: it narrows, but it is no evidence.
func (m Match) fields() int {
	n := 0
	for _, s := range []string{m.ArtifactType, m.Config, m.Layer, m.Annotation, m.LayerAnnotation, m.MediaType, string(m.Kind)} {
		if s != "" {
			n++
		}
	}
	if m.Subject {
		n++
	}
	return n
}

// contradiction names a field that must be both there and absent.
func (m Match) contradiction() string {
	for _, name := range m.Without {
		if name == ByArtifactType && m.ArtifactType != "" || name == ByConfig && m.Config != "" || name == BySubject && m.Subject {
			return name
		}
	}
	return ""
}

// key is the same for two alternatives exactly when they say the same.
func (m Match) key() string {
	without := map[string]bool{}
	for _, name := range m.Without {
		without[name] = true
	}
	return fmt.Sprintf("%q %v", []string{m.ArtifactType, m.Config, m.Layer, m.Annotation, m.LayerAnnotation, m.MediaType, string(m.Kind)},
		[]bool{m.Subject, without[ByArtifactType], without[ByConfig], without[BySubject]})
}

// holds tells whether everything that the rule gives holds of the facts.
func (r *rule) holds(f *Facts) bool {
	switch {
	case r.artifactType.given() && !r.artifactType.fits(f.ArtifactType),
		r.config.given() && !r.config.fits(f.Config),
		r.mediaType.given() && !r.mediaType.fits(f.MediaType),
		r.kind != "" && r.kind != f.Kind,
		r.subject && !f.Subject,
		r.noArtifactType && f.ArtifactType != "",
		r.noConfig && f.Config != "",
		r.noSubject && f.Subject,
		r.annotation.key != "" && !r.annotation.fits(f.Annotations):
		return false
	}
	return r.layersHold(f)
}

func (r *rule) layersHold(f *Facts) bool {
	if r.layer.given() && r.layerOf(f) == "" {
		return false
	}
	if r.layerAnnotation.key == "" {
		return true
	}
	for _, a := range f.annotatedLayers() {
		if r.layerAnnotation.fits(a) {
			return true
		}
	}
	return false
}

// layerOf returns the first layer that the rule fits, or nothing.
func (r *rule) layerOf(f *Facts) string {
	for l := range f.layerRuns() {
		if r.layer.fits(l) {
			return l
		}
	}
	return ""
}

// The weight of a field, when it is the weightiest of a rule. A media type that
// says nothing weighs less than a layer.
const (
	weighsNothing = iota
	weighsKind
	weighsMediaType
	weighsAnnotation
	weighsQuietConfig
	weighsQuietArtifactType
	weighsLayer
	weighsConfig
	weighsArtifactType
)

// strength returns the weight of the rule's weightiest field, given that the
// rule holds, and whether that field is exact.
func (r *rule) strength(f *Facts) (weight int, exact bool) {
	try := func(w int, isExact bool) {
		if w > weight || w == weight && isExact {
			weight, exact = w, isExact
		}
	}
	if r.artifactType.given() {
		try(loudness(f.ArtifactType, weighsArtifactType, weighsQuietArtifactType), !r.artifactType.wild)
	}
	if r.config.given() {
		try(loudness(f.Config, weighsConfig, weighsQuietConfig), !r.config.wild)
	}
	if r.layer.given() {
		try(weighsLayer, !r.layer.wild)
	}
	if r.annotation.key != "" {
		try(weighsAnnotation, r.annotation.valued)
	}
	if r.layerAnnotation.key != "" {
		try(weighsAnnotation, r.layerAnnotation.valued)
	}
	if r.mediaType.given() {
		try(weighsMediaType, !r.mediaType.wild)
	}
	if r.kind != "" || r.subject {
		try(weighsKind, true)
	}
	return weight, exact
}

func loudness(mediaType string, loud, low int) int {
	if quiet(mediaType) {
		return low
	}
	return loud
}

// score compares rules that hold of the same facts: the greater wins, and
// between equals the lower order does.
func (r *rule) score(f *Facts) int {
	weight, exact := r.strength(f)
	score := weight<<9 | min(r.fields, 255)
	if exact {
		score |= 1 << 8
	}
	return score
}

// by names what the rule was decided by.
func (r *rule) by(f *Facts) By {
	switch weight, _ := r.strength(f); weight {
	case weighsArtifactType, weighsQuietArtifactType:
		return By{ByArtifactType, f.ArtifactType}
	case weighsConfig, weighsQuietConfig:
		return By{ByConfig, f.Config}
	case weighsLayer:
		return By{ByLayer, r.layerOf(f)}
	case weighsAnnotation:
		if r.annotation.key != "" {
			return By{ByAnnotation, r.annotation.key}
		}
		return By{ByLayerAnnotation, r.layerAnnotation.key}
	case weighsMediaType:
		return By{ByMediaType, f.MediaType}
	}
	if r.kind != "" {
		return By{ByKind, string(r.kind)}
	}
	return By{Field: BySubject}
}

// prefixLength is how much of a type the rule's wildcards spell out.
func (r *rule) prefixLength() int {
	n := 0
	for _, p := range []pattern{r.artifactType, r.config, r.layer, r.mediaType} {
		if p.wild {
			n += len(p.text)
		}
	}
	return n
}

// before is the order of rules whose fields are worth the same.
func before(a, b *rule) int {
	return cmp.Or(
		cmp.Compare(b.typ.Source, a.typ.Source),
		cmp.Compare(b.prefixLength(), a.prefixLength()),
		cmp.Compare(a.typ.Name, b.typ.Name),
	)
}
