package arttype

import (
	"embed"
	"strings"
)

// Type is a definition in use. It does not change. As JSON it is the
// definition, and where it is from.
type Type struct {
	*Definition
	Source Source `json:"source"`
	// File is where the definition was read; empty if it came without a file.
	File string `json:"file,omitempty"`
	svg  []byte
}

// embedded are the definitions that come with the binary, and the logo of what
// none matches.
//
//go:embed types/*.json types/*.svg
var embedded embed.FS

// noLogo is the file of the logo of what has none of its own.
const noLogo = "types/" + Unknown + ".svg"

// unknownType is the type of what no definition matches.
func unknownType() *Type {
	return &Type{Definition: &Definition{Name: Unknown, Version: 1, Display: "Unknown", Description: "No definition matches this artifact"}}
}

// setLogo keeps the logo, sanitised.
func (t *Type) setLogo(svg []byte) error {
	if t.InlineLogo() {
		svg = []byte(t.Definition.Logo)
	}
	if svg == nil {
		return nil
	}
	clean, err := SanitizeLogo(svg)
	if err != nil {
		return err
	}
	t.svg = clean
	return nil
}

// SVG is the type's logo, sanitised; a plain box for a type that has none.
func (t *Type) SVG() []byte {
	if t.svg != nil {
		return t.svg
	}
	svg, err := embedded.ReadFile(noLogo)
	if err != nil {
		panic(err) // it is embedded by the line above
	}
	return svg
}

// IsRemote tells whether a layer or child of the media type need not be in
// this registry (docs/spec/artifact-types.md, "Remote references").
func (t *Type) IsRemote(mediaType string) bool {
	for _, s := range t.Remote {
		if newPattern(s).fits(mediaType) {
			return true
		}
	}
	return false
}

// NonDistributable tells whether layers of the media type are kept elsewhere,
// whatever the manifest's type (image-spec, layer.md, "Non-Distributable Layers";
// Docker's foreign layers).
func NonDistributable(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.oci.image.layer.nondistributable.") ||
		strings.HasPrefix(mediaType, "application/vnd.docker.image.rootfs.foreign.")
}

// Vars are what the text of a definition's use can name. An address, not
// secrets: the text is shown to whoever may see the artifact.
type Vars struct {
	Host, Repository, Tag, Digest string
}

// Command returns the command that fetches the artifact, or nothing when the
// definition has none or names something that vars leaves empty. Without a tag,
// ":{{.Tag}}" becomes "@" and the digest. The command is pasted into shells, so a value that a shell could take for more than a word gives
// nothing either; names, tags and digests that a registry accepts are words.
func (t *Type) Command(vars Vars) string {
	parts, err := parseUse(t.Use)
	if err != nil || len(parts) == 0 {
		return ""
	}
	values := map[string]string{"Host": vars.Host, "Repository": vars.Repository, "Tag": vars.Tag, "Digest": vars.Digest}
	var b strings.Builder
	for _, p := range parts {
		if p.variable == "Tag" && vars.Tag == "" && strings.HasSuffix(p.text, ":") {
			p = usePart{strings.TrimSuffix(p.text, ":") + "@", "Digest"}
		}
		b.WriteString(p.text)
		if p.variable == "" {
			continue
		}
		v := values[p.variable]
		if v == "" || strings.ContainsFunc(v, notOfAWord) {
			return ""
		}
		b.WriteString(v)
	}
	return b.String()
}

// notOfAWord tells of characters that a shell may take for more than
// themselves. Brackets are those of IPv6 addresses.
func notOfAWord(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._:/@+-[]", r)
}
