package arttype

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	svgSpace       = "http://www.w3.org/2000/svg"
	maxSVGDepth    = 32
	maxSVGElements = 2000
	maxSVGText     = 200 // characters of a title or description
)

// SanitizeLogo returns an SVG that shows the drawing of the given one and does
// nothing else. Nothing is copied: what is on a list of harmless elements and
// attributes, with a harmless value, is written anew, and the rest is left out:
// scripts, event handlers, styles, animations, links, text, anything foreign,
// and every reference to what is not in the drawing itself. What cannot be
// understood that way is refused: more than [MaxLogo] bytes, a DOCTYPE or
// entities, processing instructions, text that is not UTF-8, a root that is not
// an SVG, no viewBox, nothing to see.
//
// A sanitised logo comes back unchanged.
func SanitizeLogo(svg []byte) ([]byte, error) {
	if len(svg) > MaxLogo {
		return nil, fmt.Errorf("the logo is larger than %d KiB", MaxLogo>>10)
	}
	w := &svgWriter{dec: xml.NewDecoder(bytes.NewReader(svg))}
	if err := w.document(); err != nil {
		return nil, fmt.Errorf("the logo %w", err)
	}
	if w.out.Len() > MaxLogo {
		return nil, fmt.Errorf("the logo is larger than %d KiB", MaxLogo>>10)
	}
	return w.out.Bytes(), nil
}

// svgWriter reads an SVG and writes what it recognises.
type svgWriter struct {
	dec      *xml.Decoder
	out      bytes.Buffer
	elements int
	shapes   int
	space    string // the namespace of the root
}

var errNotSVG = errors.New("is not an SVG: its root is not svg, in SVG's namespace or in none")

func (w *svgWriter) document() error {
	root, err := w.root()
	if err != nil {
		return err
	}
	if root.Name.Local != "svg" || root.Name.Space != svgSpace && root.Name.Space != "" {
		return errNotSVG
	}
	w.space = root.Name.Space
	box, err := viewBox(root)
	if err != nil {
		return err
	}
	fmt.Fprintf(&w.out, `<svg xmlns=%q viewBox=%q`, svgSpace, box)
	w.attributes(root, svgAttributes["svg"], false)
	w.out.WriteString(">")
	if err := w.children(1, false); err != nil {
		return err
	}
	w.out.WriteString("</svg>\n")
	if w.shapes == 0 {
		return errors.New("has nothing in it that can be shown")
	}
	return w.end()
}

// root reads up to the first element.
func (w *svgWriter) root() (xml.StartElement, error) {
	for {
		t, err := w.token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if e, ok := t.(xml.StartElement); ok {
			return e, nil
		}
	}
}

// end refuses what follows the root, but for space and comments.
func (w *svgWriter) end() error {
	for {
		t, err := w.dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("is not well-formed XML: %w", err)
		}
		switch t := t.(type) {
		case xml.Comment:
			continue
		case xml.CharData:
			if len(bytes.TrimSpace(t)) == 0 {
				continue
			}
		}
		return errors.New("has something behind its end")
	}
}

// token returns the next token, of the kinds that a drawing may have.
func (w *svgWriter) token() (xml.Token, error) {
	t, err := w.dec.Token()
	if err == io.EOF {
		return nil, errNotSVG
	}
	if err != nil {
		return nil, fmt.Errorf("is not well-formed XML: %w", err)
	}
	switch t := t.(type) {
	case xml.Directive:
		return nil, errors.New("has a DOCTYPE or another declaration: remove it")
	case xml.ProcInst:
		if t.Target != "xml" {
			return nil, fmt.Errorf("has a processing instruction, %s: remove it", clip(t.Target, 40))
		}
	case xml.StartElement:
		if w.elements++; w.elements > maxSVGElements {
			return nil, fmt.Errorf("has more than %d elements", maxSVGElements)
		}
	}
	return t, nil
}

// children writes what is inside of an element, up to its end.
func (w *svgWriter) children(depth int, clipping bool) error {
	if depth > maxSVGDepth {
		return fmt.Errorf("is nested deeper than %d levels", maxSVGDepth)
	}
	for {
		t, err := w.token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if err := w.element(t, depth, clipping); err != nil {
				return err
			}
		}
	}
}

func (w *svgWriter) element(e xml.StartElement, depth int, clipping bool) error {
	name := e.Name.Local
	allowed, known := svgAttributes[name]
	if !known || name == "svg" || e.Name.Space != w.space {
		return w.skip(depth)
	}
	if name == "title" || name == "desc" {
		return w.text(name, depth)
	}
	if svgShapes[name] {
		w.shapes++
	}
	w.out.WriteString("<" + name)
	w.attributes(e, allowed, clipping)
	w.out.WriteString(">")
	if err := w.children(depth+1, clipping || name == "clipPath"); err != nil {
		return err
	}
	w.out.WriteString("</" + name + ">")
	return nil
}

// skip reads over an element, still refusing what must not be in a drawing.
func (w *svgWriter) skip(depth int) error {
	for inside := 1; inside > 0; {
		if depth+inside > maxSVGDepth {
			return fmt.Errorf("is nested deeper than %d levels", maxSVGDepth)
		}
		t, err := w.token()
		if err != nil {
			return err
		}
		switch t.(type) {
		case xml.StartElement:
			inside++
		case xml.EndElement:
			inside--
		}
	}
	return nil
}

// text writes a title or a description, without elements in it.
func (w *svgWriter) text(name string, depth int) error {
	var b strings.Builder
	for {
		t, err := w.token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if err := w.skip(depth + 1); err != nil {
				return err
			}
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			s := []rune(plain(b.String()))
			w.out.WriteString("<" + name + ">")
			xml.EscapeText(&w.out, []byte(string(s[:min(len(s), maxSVGText)]))) // a buffer takes everything
			w.out.WriteString("</" + name + ">")
			return nil
		}
	}
}

// attributes writes those that are on the list, each once, and the properties
// of a style attribute as attributes. Inside of a clipping path nothing clips:
// paths that clip each other could keep a browser busy for ever.
func (w *svgWriter) attributes(e xml.StartElement, own map[string]valueForm, clipping bool) {
	written := map[string]bool{"viewBox": e.Name.Local == "svg"}
	write := func(name, value string) {
		form, ok := own[name]
		if !ok {
			form, ok = svgCommon[name]
		}
		value = strings.TrimSpace(value)
		if !ok || written[name] || !form(value) || clipping && name == "clip-path" {
			return
		}
		written[name] = true
		w.out.WriteString(" " + name + `="` + value + `"`)
	}
	for _, a := range e.Attr {
		if a.Name.Space == "" && a.Name.Local == "style" {
			for _, declaration := range strings.Split(a.Value, ";") {
				name, value, _ := strings.Cut(declaration, ":")
				if name = strings.TrimSpace(name); svgStyle[name] {
					write(name, value)
				}
			}
		}
	}
	for _, a := range e.Attr {
		if a.Name.Space == "" {
			write(a.Name.Local, a.Value)
		}
	}
}
