package arttype

import (
	"encoding/xml"
	"errors"
	"regexp"
	"strings"
)

// valueForm tells whether an attribute's value is harmless. None of the forms
// allows a quote, an angle bracket, an ampersand, a backslash or a colon, so a
// value is written as it is and cannot name anything outside of the drawing.
type valueForm func(string) bool

func form(expression string) valueForm {
	re := regexp.MustCompile(`^(?:` + expression + `)$`)
	return func(s string) bool { return len(s) <= MaxLogo && re.MatchString(s) }
}

var (
	numbers = form(`[0-9eE.,+\-%\s]+`)
	path    = form(`[0-9MmZzLlHhVvCcSsQqTtAaEe.,+\-\s]+`)
	word    = form(`[A-Za-z][A-Za-z0-9 \-]{0,50}`)
	ident   = form(`[A-Za-z_][A-Za-z0-9_.\-]{0,63}`)
	local   = form(`none|url\(#[A-Za-z_][A-Za-z0-9_.\-]{0,63}\)`)
	colour  = form(`#[0-9A-Fa-f]{3,8}|[A-Za-z]{3,30}|(?:rgb|rgba|hsl|hsla)\([0-9.,%\s/]{1,50}\)`)
	moves   = form(`(?:(?:matrix|translate|scale|rotate|skewX|skewY)\s*\([0-9eE.,+\-\s]*\)[\s,]*){1,20}`)
)

func paint(s string) bool { return colour(s) || local(s) }

// svgCommon are the attributes that every element may have.
var svgCommon = map[string]valueForm{
	"id": ident, "transform": moves, "opacity": numbers, "color": colour,
	"fill": paint, "fill-opacity": numbers, "fill-rule": word,
	"stroke": paint, "stroke-width": numbers, "stroke-opacity": numbers, "stroke-linecap": word, "stroke-linejoin": word,
	"stroke-miterlimit": numbers, "stroke-dasharray": form(`none|[0-9eE.,+\-%\s]+`), "stroke-dashoffset": numbers,
	"clip-path": local, "clip-rule": word,
}

// svgStyle are the properties that a style attribute may set.
var svgStyle = map[string]bool{
	"opacity": true, "color": true, "fill": true, "fill-opacity": true, "fill-rule": true, "stroke": true, "stroke-width": true,
	"stroke-opacity": true, "stroke-linecap": true, "stroke-linejoin": true, "stroke-miterlimit": true, "stroke-dasharray": true,
	"stroke-dashoffset": true, "clip-rule": true, "stop-color": true, "stop-opacity": true,
}

// svgAttributes are the elements that are kept, with the attributes that only
// they have.
var svgAttributes = map[string]map[string]valueForm{
	"svg":            {},
	"g":              {},
	"defs":           {},
	"title":          {},
	"desc":           {},
	"path":           {"d": path},
	"circle":         {"cx": numbers, "cy": numbers, "r": numbers},
	"ellipse":        {"cx": numbers, "cy": numbers, "rx": numbers, "ry": numbers},
	"line":           {"x1": numbers, "y1": numbers, "x2": numbers, "y2": numbers},
	"rect":           {"x": numbers, "y": numbers, "width": numbers, "height": numbers, "rx": numbers, "ry": numbers},
	"polyline":       {"points": numbers},
	"polygon":        {"points": numbers},
	"clipPath":       {"clipPathUnits": word},
	"linearGradient": {"x1": numbers, "y1": numbers, "x2": numbers, "y2": numbers, "gradientUnits": word, "gradientTransform": moves, "spreadMethod": word},
	"radialGradient": {"cx": numbers, "cy": numbers, "r": numbers, "fx": numbers, "fy": numbers, "gradientUnits": word, "gradientTransform": moves, "spreadMethod": word},
	"stop":           {"offset": numbers, "stop-color": colour, "stop-opacity": numbers},
}

// svgShapes are the elements that draw something.
var svgShapes = map[string]bool{"path": true, "circle": true, "ellipse": true, "line": true, "rect": true, "polyline": true, "polygon": true}

// viewBox returns the root's viewBox, or one made of its width and height.
func viewBox(root xml.StartElement) (string, error) {
	given := map[string]string{}
	for _, a := range root.Attr {
		if a.Name.Space == "" {
			given[a.Name.Local] = strings.TrimSpace(a.Value)
		}
	}
	if box := given["viewBox"]; box != "" && numbers(box) {
		return strings.Join(strings.Fields(box), " "), nil
	}
	width, height := strings.TrimSuffix(given["width"], "px"), strings.TrimSuffix(given["height"], "px")
	if plainLength(width) && plainLength(height) {
		return "0 0 " + width + " " + height, nil
	}
	return "", errors.New("has neither a viewBox nor a width and height in pixels")
}

var plainLength = form(`[0-9]{1,5}(?:\.[0-9]{1,5})?`)
