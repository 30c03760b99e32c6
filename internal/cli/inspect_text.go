package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// text is the inspection for people.
func (in *inspection) text(w io.Writer) error {
	t := newFields(w, 2)
	field := func(name, value string) {
		if value != "" {
			t.row(name+":", value)
		}
	}
	field("Reference", in.Reference)
	field("Type", in.Type)
	field("Media type", in.MediaType)
	if in.ArtifactType != in.MediaType {
		field("Artifact type", in.ArtifactType)
	}
	field("Digest", string(in.Digest))
	field("Size", size(in.Size)+", content "+size(in.ContentSize))
	field("Platforms", strings.Join(in.Platforms, ", "))
	field("Tags", strings.Join(in.Tags, ", "))
	if in.Subject != nil {
		field("Subject", string(in.Subject.Digest))
	}
	field("Referrers", fmt.Sprint(in.Referrers))
	if err := t.flush(); err != nil {
		return err
	}
	return in.lists(w)
}

// lists are the parts of which there may be many.
func (in *inspection) lists(w io.Writer) error {
	write := func(head string, rows [][]string) error {
		if len(rows) == 0 {
			return nil
		}
		if _, err := fmt.Fprintf(w, "%s:\n", head); err != nil {
			return err
		}
		t := newFields(w, len(rows[0]))
		for _, r := range rows {
			r[0] = "  " + r[0]
			t.row(r...)
		}
		return t.flush()
	}
	if err := write("Config says", pairs(in.Shown)); err != nil {
		return err
	}
	if err := write("Annotations", pairs(in.Annotations)); err != nil {
		return err
	}
	if err := write("Layers", in.descriptors(in.Layers)); err != nil {
		return err
	}
	return write("Manifests", in.descriptors(in.Manifests))
}

func pairs(m map[string]string) (rows [][]string) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		rows = append(rows, []string{k, m[k]})
	}
	return rows
}

// descriptors are rows of what a manifest lists: digest, size, what it is.
func (in *inspection) descriptors(ds []ocispec.Descriptor) (rows [][]string) {
	for _, d := range ds {
		what := cmp.Or(platformText(d.Platform), d.Annotations[ocispec.AnnotationTitle])
		if slices.Contains(in.Remote, d.Digest) {
			what = strings.TrimSpace("remote  " + what)
		}
		rows = append(rows, []string{string(d.Digest), size(d.Size), d.MediaType, what})
	}
	return rows
}
