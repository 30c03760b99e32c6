package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
)

// side is where a copy comes from, or goes to: a repository or an OCI layout.
type side struct {
	place
	layout string // a directory, or a tar file; empty for a registry
	conn   *conn
	store  store
	remote *remote.Repository // of a registry
	local  *oci.Store         // of a layout that is written to
}

const layoutPrefix = "oci:"

// parseSide reads a reference, or oci:DIR[:TAG][@DIGEST].
func parseSide(text string) (*side, error) {
	rest, ok := strings.CutPrefix(text, layoutPrefix)
	if !ok {
		p, err := parseRef(text)
		return &side{place: p}, err
	}
	s := &side{}
	if i := strings.LastIndexByte(rest, '@'); i > 0 {
		d, err := digest.Parse(rest[i+1:])
		if err != nil {
			return nil, usage("%q: %v", text, err)
		}
		rest, s.digest = rest[:i], d
	}
	if i := strings.LastIndexByte(rest, ':'); i > 0 && (registry.Reference{Reference: rest[i+1:]}).ValidateReferenceAsTag() == nil {
		rest, s.tag = rest[:i], rest[i+1:]
	}
	if s.layout = rest; rest == "" {
		return nil, usage("%q names no directory: write oci:DIR or oci:DIR:TAG", text)
	}
	return s, nil
}

func (s *side) String() string {
	if s.layout == "" {
		return s.place.String()
	}
	text := layoutPrefix + s.layout
	if s.tag != "" {
		text += ":" + s.tag
	}
	if s.digest != "" {
		text += "@" + string(s.digest)
	}
	return text
}

// sides opens both ends of a copy.
func (f *cpFlags) sides(ctx context.Context, from, to string) (src, dst *side, err error) {
	if src, err = parseSide(from); err != nil {
		return nil, nil, err
	}
	if dst, err = parseSide(to); err != nil {
		return nil, nil, err
	}
	named := src.tag != "" || src.digest != ""
	switch {
	case dst.digest != "":
		return nil, nil, usage("%q: digests do not change: name a tag, or nothing", to)
	case f.allTags && (named || dst.tag != ""):
		return nil, nil, usage("--all-tags copies repositories: name no tag")
	case !f.allTags && !named && src.layout == "":
		return nil, nil, usage("%q names no manifest: write %s:TAG, or --all-tags", from, src)
	}
	if err := src.open(ctx, f.of(f.src)); err != nil {
		return nil, nil, err
	}
	if !f.allTags && !named {
		if err := src.only(ctx); err != nil {
			return nil, nil, err
		}
	}
	return src, dst, dst.create(ctx, f.of(f.dst))
}

// open opens a side to read from.
func (s *side) open(ctx context.Context, cf *connFlags) (err error) {
	if s.layout == "" {
		return s.dial(cf)
	}
	info, err := os.Stat(s.layout)
	if err != nil {
		return &Failure{fmt.Errorf("%s: %w", s, err), ExitNotFound}
	}
	if info.IsDir() {
		s.store, err = oci.NewFromFS(ctx, os.DirFS(s.layout))
	} else {
		s.store, err = oci.NewFromTar(ctx, s.layout)
	}
	if err != nil {
		return fmt.Errorf("%s is not an OCI layout: %w", s, err)
	}
	return nil
}

// create opens a side to write to.
func (s *side) create(ctx context.Context, cf *connFlags) error {
	if s.layout == "" {
		return s.dial(cf)
	}
	local, err := oci.NewWithContext(ctx, s.layout)
	if err != nil {
		return fmt.Errorf("%s is not an OCI layout: %w", s, err)
	}
	local.AutoSaveIndex = false // once, at the end
	s.local, s.store = local, local
	return nil
}

func (s *side) dial(cf *connFlags) (err error) {
	if s.conn, err = cf.dial(s.place); err != nil {
		return err
	}
	s.remote, err = s.conn.repo(s.path)
	s.store = s.remote
	return err
}

// only names the one tag of a layout.
func (s *side) only(ctx context.Context) error {
	tags, err := tagsOf(ctx, s.store)
	if err != nil {
		return err
	}
	var own []string
	for _, t := range tags {
		if !referrersTag.MatchString(t) && !cosignTag(t) {
			own = append(own, t)
		}
	}
	if len(own) != 1 {
		return usage("%s has %s: name one, or say --all-tags", s, count(len(own), "tag"))
	}
	s.tag = own[0]
	return nil
}

// cosignTag reports whether cosign keeps something under the tag.
func cosignTag(tag string) bool {
	for _, suffix := range cosignSuffixes {
		if of, ok := strings.CutSuffix(tag, "."+suffix); ok && referrersTag.MatchString(of) {
			return true
		}
	}
	return false
}

// target is what is written to.
func (s *side) target() content.Storage {
	if s.local != nil {
		return s.local
	}
	return s.remote
}

// mountable is the repository that blobs for dst can be mounted from, or
// nothing.
func (s *side) mountable(dst *side) []string {
	if s.remote == nil || dst.remote == nil || s.conn.url() != dst.conn.url() || s.path == dst.path {
		return nil
	}
	return []string{s.path}
}
