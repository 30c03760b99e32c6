package arttype

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	fieldForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	fileForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.svg$`)
)

// Parse reads a definition of at most [MaxDefinition] bytes. A definition that
// cannot be used comes back as nil with [Mistakes]: all of them, so that a
// person repairs the file once.
func Parse(data []byte) (*Definition, error) {
	if len(data) > MaxDefinition {
		return nil, Mistakes{{Reason: fmt.Sprintf("is larger than %d KiB", MaxDefinition>>10)}}
	}
	p := &parser{document: document{data: data}, def: &Definition{Version: 1, lines: map[string]int{}}}
	if root := p.read(); root != nil {
		p.definition(root)
	}
	if len(p.mistakes) > 0 {
		slices.SortStableFunc(p.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
		return nil, p.mistakes
	}
	return p.def, nil
}

type parser struct {
	document
	def *Definition
}

// field reads one member of an object.
type field func(pointer string, n *node)

// fields reads the members of an object, refusing those it does not know and
// missing those that must be there.
func (p *parser) fields(pointer string, n *node, known map[string]field, needed ...string) bool {
	if !p.is(pointer, n, isObject) {
		return false
	}
	given := map[string]bool{}
	for _, m := range n.members {
		given[m.name] = true
		if read, ok := known[m.name]; ok {
			read(pointer+token(m.name), m.value)
			continue
		}
		p.wrong(pointer+token(m.name), m.value.start, "is not a field that is known here")
	}
	for _, name := range needed {
		if !given[name] {
			p.wrong(pointer, n.start, "the field %s is missing", name)
		}
	}
	return true
}

func (p *parser) definition(root *node) {
	d := p.def
	for _, m := range root.members {
		d.lines[m.name] = p.line(m.value.start)
	}
	p.fields("", root, map[string]field{
		"$schema":      func(ptr string, n *node) { p.is(ptr, n, isString) }, // for editors
		"name":         p.name,
		"version":      func(ptr string, n *node) { d.Version = p.integer(ptr, n, 1, 1<<31-1) },
		"display":      func(ptr string, n *node) { d.Display = p.oneLine(ptr, n, maxDisplay) },
		"description":  func(ptr string, n *node) { d.Description = p.oneLine(ptr, n, maxDescription) },
		"match":        p.matches,
		"layers":       p.layers,
		"configSchema": p.configSchema,
		"show":         p.show,
		"use":          p.use,
		"info":         p.info,
		"logo":         p.logo,
		"remote":       p.remote,
	}, "name", "match")
	d.Display = cmp.Or(d.Display, d.Name)
}

func (p *parser) name(ptr string, n *node) {
	s := p.text(ptr, n, maxName)
	switch {
	case s == "":
	case !nameForm.MatchString(s):
		p.wrong(ptr, n.start, "must be lower-case letters and digits, in parts joined by single dashes")
	case s == Unknown:
		p.wrong(ptr, n.start, "%q is the name of what no definition matches", Unknown)
	}
	p.def.Name = s
}

func (p *parser) matches(ptr string, n *node) {
	if !p.list(ptr, n, 1, maxMatches) {
		return
	}
	seen := map[string]int{}
	for i, item := range n.items {
		at := ptr + "/" + strconv.Itoa(i)
		m, ok := p.match(at, item)
		if !ok {
			continue
		}
		if first, twice := seen[m.key()]; twice {
			p.wrong(at, item.start, "says the same as %s/%d", ptr, first)
			continue
		}
		seen[m.key()] = i
		p.def.Match = append(p.def.Match, m)
	}
}

func (p *parser) match(ptr string, n *node) (m Match, ok bool) {
	before := len(p.mistakes)
	ok = p.fields(ptr, n, map[string]field{
		"artifactType":    func(at string, n *node) { m.ArtifactType = p.mediaType(at, n) },
		"config":          func(at string, n *node) { m.Config = p.mediaType(at, n) },
		"layer":           func(at string, n *node) { m.Layer = p.mediaType(at, n) },
		"mediaType":       func(at string, n *node) { m.MediaType = p.mediaType(at, n) },
		"annotation":      func(at string, n *node) { m.Annotation = p.annotation(at, n) },
		"layerAnnotation": func(at string, n *node) { m.LayerAnnotation = p.annotation(at, n) },
		"kind": func(at string, n *node) {
			m.Kind = Kind(p.oneOf(at, n, string(KindManifest), string(KindIndex)))
		},
		"subject": func(at string, n *node) {
			if m.Subject = n.yes; p.is(at, n, isBool) && !n.yes {
				p.wrong(at, n.start, `can only be true; "without": ["subject"] asks for none`)
			}
		},
		"without": func(at string, n *node) { m.Without = p.without(at, n) },
	})
	if !ok || len(p.mistakes) > before {
		return m, false
	}
	switch contradiction := m.contradiction(); {
	case m.fields() == 0:
		p.wrong(ptr, n.start, "gives nothing to match by")
	case contradiction != "":
		p.wrong(ptr, n.start, "asks for %s and for none", contradiction)
	}
	return m, len(p.mistakes) == before
}

func (p *parser) without(ptr string, n *node) (names []string) {
	if !p.list(ptr, n, 1, 3) {
		return nil
	}
	for i, item := range n.items {
		at := ptr + "/" + strconv.Itoa(i)
		s := p.oneOf(at, item, "artifactType", "config", "subject")
		if slices.Contains(names, s) {
			p.wrong(at, item.start, "is given twice")
		}
		names = append(names, s)
	}
	return names
}

func (p *parser) layers(ptr string, n *node) {
	if !p.list(ptr, n, 0, maxLayerRules) {
		return
	}
	for i, item := range n.items {
		var r LayerRule
		at := ptr + "/" + strconv.Itoa(i)
		p.fields(at, item, map[string]field{
			"mediaType": func(at string, n *node) { r.MediaType = p.mediaType(at, n) },
			"min":       func(at string, n *node) { r.Min = p.integer(at, n, 0, maxCount) },
			"max": func(at string, n *node) {
				most := p.integer(at, n, 0, maxCount)
				r.Max = &most
			},
		}, "mediaType")
		if r.Max != nil && r.Min > *r.Max {
			p.wrong(at, item.start, "min is greater than max")
		}
		p.def.Layers = append(p.def.Layers, r)
	}
}

func (p *parser) configSchema(ptr string, n *node) {
	if n.kind != isObject && n.kind != isBool {
		p.wrong(ptr, n.start, "must be a JSON Schema: an object, not %s", n.kind)
		return
	}
	p.def.ConfigSchema = json.RawMessage(p.data[n.start:n.end])
	s := &schemaReader{document: &p.document, pointer: ptr, root: n}
	p.def.schema = s.compile()
}

func (p *parser) show(ptr string, n *node) {
	if !p.is(ptr, n, isObject) {
		return
	}
	if len(n.members) > maxShow {
		p.wrong(ptr, n.start, "has more than %d fields", maxShow)
		return
	}
	p.def.Show = map[string]string{}
	for _, m := range n.members {
		at := ptr + token(m.name)
		if !fieldForm.MatchString(m.name) {
			p.wrong(at, m.value.start, "is not a name of letters, digits, dashes and underscores")
		}
		s := p.text(at, m.value, maxPointer)
		if m.value.kind == isString && !validPointer(s) {
			p.wrong(at, m.value.start, "must be a JSON pointer into the config, such as /name")
		}
		p.def.Show[m.name] = s
	}
}

// validPointer tells whether s is a JSON pointer (RFC 6901, section 3) to
// something inside of a document.
func validPointer(s string) bool {
	if !strings.HasPrefix(s, "/") {
		return false
	}
	for i := range len(s) {
		if s[i] == '~' && (i+1 == len(s) || (s[i+1] != '0' && s[i+1] != '1')) {
			return false
		}
	}
	return true
}

func (p *parser) use(ptr string, n *node) {
	s := p.oneLine(ptr, n, maxUse)
	if _, err := parseUse(s); err != nil {
		p.wrong(ptr, n.start, "%v", err)
	}
	p.def.Use = s
}

func (p *parser) info(ptr string, n *node) {
	s := p.oneLine(ptr, n, maxInfo)
	if u, err := url.Parse(s); s != "" && (err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil) {
		p.wrong(ptr, n.start, "must be an address that begins with https://")
	}
	p.def.Info = s
}

func (p *parser) logo(ptr string, n *node) {
	if !p.is(ptr, n, isString) {
		return
	}
	p.def.Logo = n.text
	if !p.def.InlineLogo() {
		if !fileForm.MatchString(n.text) {
			p.wrong(ptr, n.start, "must be the name of an .svg file beside the definition, or the SVG itself")
		}
		return
	}
	if _, err := SanitizeLogo([]byte(n.text)); err != nil {
		p.wrong(ptr, n.start, "%v", err)
	}
}

func (p *parser) remote(ptr string, n *node) {
	if !p.list(ptr, n, 0, maxRemote) {
		return
	}
	for i, item := range n.items {
		p.def.Remote = append(p.def.Remote, p.mediaType(ptr+"/"+strconv.Itoa(i), item))
	}
}
