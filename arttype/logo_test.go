package arttype

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	svgHead  = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">`
	svgShape = `<path d="M0 0h1"></path>`
	svgPlain = svgHead + svgShape + "</svg>\n"
)

// What means harm, or only could, and what is left of it; an error when it is
// refused.
var hostileLogos = []struct{ name, svg, want, err string }{
	{name: "a script", svg: svgHead + `<script>alert(1)</script>` + svgShape + `</svg>`, want: svgPlain},
	{name: "a script in CDATA", svg: svgHead + `<script><![CDATA[alert(1)]]></script>` + svgShape + `</svg>`, want: svgPlain},
	{name: "a script of XHTML", svg: svgHead + `<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>` + svgShape + `</svg>`, want: svgPlain},
	{name: "a script with a prefix", svg: `<s:svg xmlns:s="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><s:script>alert(1)</s:script><s:path d="M0 0h1"/></s:svg>`, want: svgPlain},
	{name: "a script in another case", svg: svgHead + `<SCRIPT>alert(1)</SCRIPT><Path d="M1 1"/>` + svgShape + `</svg>`, want: svgPlain},
	{name: "a script in a title", svg: svgHead + `<title><script>alert(1)</script>&lt;script&gt;</title>` + svgShape + `</svg>`, want: svgHead + `<title>&lt;script&gt;</title>` + svgShape + "</svg>\n"},
	{name: "handlers", svg: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" onload="alert(1)"><path d="M0 0h1" onclick="alert(1)" ONMOUSEOVER="alert(1)"/></svg>`, want: svgPlain},
	{name: "an external image", svg: svgHead + `<image href="https://example.com/x.png"/>` + svgShape + `</svg>`, want: svgPlain},
	{name: "an image in the text", svg: svgHead + `<image href="data:image/svg+xml;base64,PHN2Zz4="/>` + svgShape + `</svg>`, want: svgPlain},
	{name: "use of another file", svg: svgHead + `<use href="https://example.com/x.svg#a"/><use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="x.svg#a"/>` + svgShape + `</svg>`, want: svgPlain},
	{name: "use of itself", svg: svgHead + `<g id="a"><use href="#a"/><use href="#a"/></g>` + svgShape + `</svg>`, want: svgHead + `<g id="a"></g>` + svgShape + "</svg>\n"},
	{name: "a link", svg: svgHead + `<a xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="javascript:alert(1)"><path d="M1 1"/></a>` + svgShape + `</svg>`, want: svgPlain},
	{name: "an animation that sets a link", svg: svgHead + `<g id="a"><animate attributeName="href" values="javascript:alert(1)"/><set attributeName="onclick" to="alert(1)"/></g>` + svgShape + `</svg>`, want: svgHead + `<g id="a"></g>` + svgShape + "</svg>\n"},
	{name: "foreignObject", svg: svgHead + `<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><iframe src="https://example.com"/></body></foreignObject>` + svgShape + `</svg>`, want: svgPlain},
	{name: "nothing but foreignObject", svg: svgHead + `<foreignObject><path d="M0 0"/></foreignObject></svg>`, err: "nothing in it that can be shown"},
	{name: "a style sheet", svg: svgHead + `<style>@import url(https://example.com/x.css); path{fill:url(https://example.com)}</style>` + svgShape + `</svg>`, want: svgPlain},
	{name: "style attributes", svg: svgHead + `<path style="fill:url(https://example.com/#a);stroke:#f00;background:url(x);-moz-binding:url(x)" d="M0 0h1"/></svg>`, want: svgHead + `<path stroke="#f00" d="M0 0h1"></path></svg>` + "\n"},
	{name: "a style with escapes", svg: svgHead + `<path style="fill:\75rl(https://example.com)" d="M0 0h1"/></svg>`, want: svgPlain},
	{name: "external paint", svg: svgHead + `<path fill="url(https://example.com/#a)" stroke="url('#a')" filter="url(x#f)" mask="url(x#m)" d="M0 0h1"/></svg>`, want: svgPlain},
	{name: "external paint with a fallback", svg: svgHead + `<path fill="url(//example.com/a) red" clip-path="url(x.svg#c)" d="M0 0h1"/></svg>`, want: svgPlain},
	{name: "paint in data", svg: svgHead + `<path fill="url(data:image/svg+xml,x)" d="M0 0h1"/></svg>`, want: svgPlain},
	{name: "a gradient that takes another's stops", svg: svgHead + `<linearGradient id="a" xmlns:x="http://www.w3.org/1999/xlink" x:href="http://example.com/#b" href="#c"/>` + svgShape + `</svg>`, want: svgHead + `<linearGradient id="a"></linearGradient>` + svgShape + "</svg>\n"},
	{name: "paths that clip each other", svg: svgHead + `<clipPath id="a" clip-path="url(#a)"><path d="M0 0h1" clip-path="url(#a)"/></clipPath><path clip-path="url(#a)" d="M0 0h1"/></svg>`, want: svgHead + `<clipPath id="a" clip-path="url(#a)"><path d="M0 0h1"></path></clipPath><path clip-path="url(#a)" d="M0 0h1"></path></svg>` + "\n"},
	{name: "a filter", svg: svgHead + `<filter id="f"><feImage href="https://example.com/x"/></filter>` + svgShape + `</svg>`, want: svgPlain},
	{name: "a handler element", svg: svgHead + `<handler xmlns="http://www.w3.org/2001/xml-events" type="application/ecmascript">alert(1)</handler><listener event="load"/>` + svgShape + `</svg>`, want: svgPlain},
	{name: "an svg in the svg", svg: svgHead + `<svg onload="alert(1)"><path d="M1 1"/></svg>` + svgShape + `</svg>`, want: svgPlain},
	{name: "comments", svg: "<!-- <script> -->" + svgHead + `<!--<script>alert(1)</script>-->` + svgShape + `</svg><!-- x -->`, want: svgPlain},
	{name: "text", svg: svgHead + `<text>hi</text>loose<tspan>x</tspan>` + svgShape + `</svg>`, want: svgPlain},
	{name: "an attribute that breaks out", svg: svgHead + `<path d="M0 0h1" id="&quot;&gt;&lt;script&gt;" fill="&quot; onload=&quot;x"/></svg>`, want: svgPlain},
	{name: "an attribute twice", svg: svgHead + `<path d="M0 0h1" d="M1 1"/></svg>`, want: svgPlain},
	{name: "attributes with a prefix", svg: svgHead + `<path xmlns:e="http://www.w3.org/2001/xml-events" e:onload="x" xml:base="https://example.com" d="M0 0h1"/></svg>`, want: svgPlain},
	{name: "attributes of SVG's own namespace", svg: `<s:svg xmlns:s="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><s:path s:fill="url(x)" s:onload="x" d="M0 0h1"/></s:svg>`, want: svgPlain},
	{name: "a path of another namespace", svg: svgHead + `<path xmlns="http://www.w3.org/1999/xhtml" d="M1 1"/><x:g xmlns:x="x"><path d="M1 1"/></x:g>` + svgShape + `</svg>`, want: svgPlain},
	{name: "harmless attributes with a prefix", svg: svgHead + `<path xmlns:x="x" x:fill="red" x:style="stroke:red" d="M0 0h1"/></svg>`, want: svgPlain},
	{name: "a long title", svg: svgHead + `<title>` + strings.Repeat("é", 300) + `</title>` + svgShape + `</svg>`, want: svgHead + `<title>` + strings.Repeat("é", 200) + `</title>` + svgShape + "</svg>\n"},
	{name: "a title that hides its end", svg: svgHead + "<title>a\u202eb\u0085c</title>" + svgShape + `</svg>`, want: svgHead + "<title>abc</title>" + svgShape + "</svg>\n"},
	{name: "a viewBox that breaks out", svg: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24&quot; onload=&quot;x" width="10" height="20px">` + svgShape + `</svg>`, want: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 20">` + svgShape + "</svg>\n"},

	{name: "a DOCTYPE", svg: `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">` + svgPlain, err: "DOCTYPE"},
	{name: "an external entity", svg: `<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + svgHead + `<title>&x;</title>` + svgShape + `</svg>`, err: "DOCTYPE"},
	{name: "a billion laughs", svg: `<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>` + svgHead + `<title>&b;</title></svg>`, err: "DOCTYPE"},
	{name: "an entity without a DOCTYPE", svg: svgHead + `<title>&x;</title>` + svgShape + `</svg>`, err: "well-formed"},
	{name: "a declaration inside", svg: svgHead + `<!ELEMENT x ANY>` + svgShape + `</svg>`, err: "declaration"},
	{name: "a style sheet's instruction", svg: `<?xml-stylesheet href="https://example.com/x.css"?>` + svgPlain, err: "processing instruction"},
	{name: "an instruction inside", svg: svgHead + `<?php x ?>` + svgShape + `</svg>`, err: "processing instruction"},
	{name: "an instruction in what is left out", svg: svgHead + `<style><?php x ?></style>` + svgShape + `</svg>`, err: "processing instruction"},
	{name: "an instruction behind the end", svg: svgPlain + `<?php x ?>`, err: "behind its end"},
	{name: "another root", svg: `<html xmlns="http://www.w3.org/1999/xhtml" viewBox="0 0 1 1"><path d="M0 0"/></html>`, err: "not an SVG"},
	{name: "a root of another namespace", svg: `<svg xmlns="http://www.w3.org/1999/xhtml" viewBox="0 0 24 24"><path d="M0 0"/></svg>`, err: "not an SVG"},
	{name: "a namespace that looks like it", svg: `<svg xmlns="http://www.w3.org/2000/svg " viewBox="0 0 24 24"><path d="M0 0"/></svg>`, err: "not an SVG"},
	{name: "a second root", svg: svgPlain + svgPlain, err: "behind its end"},
	{name: "text behind the end", svg: svgPlain + "x", err: "behind its end"},
	{name: "nothing", svg: ``, err: "not an SVG"},
	{name: "no XML", svg: `<svg`, err: "well-formed"},
	{name: "no end", svg: svgHead + svgShape, err: "well-formed"},
	{name: "another encoding", svg: `<?xml version="1.0" encoding="UTF-7"?>` + svgPlain, err: "well-formed"},
	{name: "bytes that are not UTF-8", svg: svgHead + "<title>\xff</title>" + svgShape + "</svg>", err: "well-formed"},
	{name: "no size", svg: `<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="1e9">` + svgShape + `</svg>`, err: "viewBox"},
	{name: "too deep", svg: svgHead + strings.Repeat("<g>", 40) + svgShape + strings.Repeat("</g>", 40) + "</svg>", err: "deeper than 32"},
	{name: "too deep in what is left out", svg: svgHead + strings.Repeat("<x>", 40) + strings.Repeat("</x>", 40) + svgShape + "</svg>", err: "deeper than 32"},
	{name: "too many elements", svg: svgHead + strings.Repeat("<g/>", 2001) + svgShape + "</svg>", err: "more than 2000 elements"},
	{name: "too large", svg: svgHead + svgShape + strings.Repeat(" ", MaxLogo) + "</svg>", err: "larger than 32 KiB"},
	{name: "too large when written", svg: svgHead + strings.Repeat(`<path d="M0 0"/>`, 1500) + "</svg>", err: "larger than 32 KiB"},
}

func TestHostileLogos(t *testing.T) {
	for _, tt := range hostileLogos {
		got, err := SanitizeLogo([]byte(tt.svg))
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %q, %v; want an error with %q", tt.name, got, err, tt.err)
			}
		case err != nil || string(got) != tt.want:
			t.Errorf("%s: got\n%s%v; want\n%s", tt.name, got, err, tt.want)
		}
	}
}

func TestLogosOfDrawingTools(t *testing.T) {
	const drawn = `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- Created with a drawing tool -->
<svg width="24px" height="24px" viewBox="0 0  24 24" version="1.1" xmlns="http://www.w3.org/2000/svg" xmlns:ed="http://example.com/editor" ed:zoom="2" fill="none">
  <ed:view id="v"/>
  <metadata><x/></metadata>
  <title>A box</title>
  <defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1" gradientTransform="translate(1 2) rotate(-45)"><stop offset="0" style="stop-color:#fff;stop-opacity:1"/><stop offset="100%" stop-color="rgb(0, 0, 0)"/></linearGradient></defs>
  <g transform="translate(1,2)scale(.5)"><rect x="1" y="1" width="10" height="10" rx="2" fill="url(#g)" style="stroke: currentColor ; stroke-width:1.5"/>
  <polygon points="0,0 1,1 2,0"/></g>
</svg>`
	const want = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none"><title>A box</title>` +
		`<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1" gradientTransform="translate(1 2) rotate(-45)"><stop stop-color="#fff" stop-opacity="1" offset="0"></stop><stop offset="100%" stop-color="rgb(0, 0, 0)"></stop></linearGradient></defs>` +
		`<g transform="translate(1,2)scale(.5)"><rect stroke="currentColor" stroke-width="1.5" x="1" y="1" width="10" height="10" rx="2" fill="url(#g)"></rect><polygon points="0,0 1,1 2,0"></polygon></g></svg>` + "\n"
	got, err := SanitizeLogo([]byte(drawn))
	if err != nil || string(got) != want {
		t.Errorf("got\n%s%v; want\n%s", got, err, want)
	}
}

// harmless says what is wrong with a sanitised logo, by rules of its own.
func harmless(svg []byte) error {
	lower := strings.ToLower(string(svg))
	dec := xml.NewDecoder(bytes.NewReader(svg))
	for {
		t, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.Directive, xml.ProcInst, xml.Comment:
			return fmt.Errorf("has a %T", t)
		case xml.StartElement:
			switch t.Name.Local {
			case "svg", "g", "defs", "title", "desc", "path", "circle", "ellipse", "line", "rect", "polyline", "polygon", "clipPath", "linearGradient", "radialGradient", "stop":
			default:
				return fmt.Errorf("has a %s", t.Name.Local)
			}
			for _, a := range t.Attr {
				if a.Name.Local == "xmlns" && t.Name.Local == "svg" {
					continue
				}
				if a.Name.Space != "" || strings.HasPrefix(strings.ToLower(a.Name.Local), "on") || strings.Contains(a.Name.Local, "href") || a.Name.Local == "style" {
					return fmt.Errorf("has the attribute %s", a.Name.Local)
				}
				if strings.ContainsAny(a.Value, `:;<>&"'\@`) {
					return fmt.Errorf("has the value %q", a.Value)
				}
				if i := strings.Index(a.Value, "url("); i >= 0 && !strings.HasPrefix(a.Value, "url(#") {
					return fmt.Errorf("refers to %s", a.Value)
				}
			}
		}
	}
	for _, s := range []string{"<!", "<?", "<script", "javascript:"} {
		if strings.Contains(lower, s) && (s != "javascript:" || !strings.Contains(lower, "<title>") && !strings.Contains(lower, "<desc>")) {
			return fmt.Errorf("has %s", s)
		}
	}
	return nil
}

func FuzzSanitizeLogo(f *testing.F) {
	for _, tt := range hostileLogos {
		f.Add([]byte(tt.svg))
	}
	files, err := filepath.Glob("types/*.svg")
	if err != nil || len(files) == 0 {
		f.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		clean, err := SanitizeLogo(data)
		if err != nil {
			return
		}
		if err := harmless(clean); err != nil {
			t.Fatalf("%q\nbecame %q: %v", data, clean, err)
		}
		again, err := SanitizeLogo(clean)
		if err != nil || !bytes.Equal(again, clean) {
			t.Fatalf("%q\nis not the same the second time: %q, %v", clean, again, err)
		}
	})
}
