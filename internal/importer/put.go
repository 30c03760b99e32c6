package importer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// putManifests puts manifests and tags in order, each at its time.
func (im *run) putManifests(ctx context.Context, repos []*repository) error {
	for _, r := range repos {
		for _, m := range r.manifests {
			if m.present {
				im.report.Manifests.Present++
			}
		}
	}
	events, err := im.events(ctx, repos)
	if err != nil {
		return err
	}
	im.opt.Meter.Begin("putting", "manifests and tags", len(events), 0)
	defer im.opt.Clock.Set(time.Time{})
	for i := range events {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &events[i]
		im.opt.Clock.Set(time.Time{})
		if !e.late {
			im.opt.Clock.Set(e.when)
		}
		if err := im.put(ctx, e); err != nil {
			return err
		}
		im.opt.Meter.Add(1, 0)
	}
	return nil
}

// put carries out one event. What the registry refuses is reported.
func (im *run) put(ctx context.Context, e *event) error {
	if e.only {
		return im.putTags(ctx, e)
	}
	raw, err := im.payload(ctx, e)
	if err == nil {
		err = im.putManifest(ctx, e, raw, e.tags...)
	}
	if errors.Is(err, lading.ErrTagInvalid) {
		// One tag of several: the manifest alone, then each by itself.
		if err = im.putManifest(ctx, e, raw); err == nil {
			e.m.done = true
			im.report.Manifests.Imported++
			return im.putTags(ctx, e)
		}
	}
	if err != nil {
		return im.skipManifest(ctx, e, raw, err)
	}
	e.m.done = true
	im.report.Manifests.Imported++
	im.report.Tags.Imported += len(e.tags)
	return nil
}

func (im *run) putManifest(ctx context.Context, e *event, raw []byte, tags ...string) error {
	m := lading.Manifest{MediaType: e.m.desc.MediaType, Digest: e.m.desc.Digest, Bytes: raw}
	_, err := im.reg.PutManifest(ctx, e.repo.to, m, lading.PutOptions{Tags: tags})
	return err
}

// payload is a manifest's bytes, read again where they were not kept.
func (im *run) payload(ctx context.Context, e *event) ([]byte, error) {
	if raw := e.m.raw; raw != nil {
		e.m.raw = nil
		im.cache.release(raw)
		return raw, nil
	}
	p, err := im.src.Manifest(ctx, e.repo.from, e.m.desc.Digest)
	if err != nil {
		return nil, &sourceError{err}
	}
	return p.Bytes, nil
}

// putTags points tags to a manifest that is here.
func (im *run) putTags(ctx context.Context, e *event) error {
	if !e.m.done {
		im.skipTags(e)
		return nil
	}
	m, err := im.reg.Manifest(ctx, e.repo.to, lading.Reference{Digest: e.m.desc.Digest})
	if err != nil {
		return err
	}
	for _, tag := range e.tags {
		_, err := im.reg.PutManifest(ctx, e.repo.to, m, lading.PutOptions{Tags: []string{tag}})
		switch {
		case err == nil:
			im.report.Tags.Imported++
		case im.stops(ctx, err):
			return err
		default:
			im.report.skip(skipTag, e.repo.from, tag, err.Error())
		}
	}
	return nil
}

func (im *run) skipTags(e *event) {
	for _, tag := range e.tags {
		im.report.skip(skipTag, e.repo.from, tag, "its manifest "+string(e.m.desc.Digest)+" was skipped")
	}
}

// skipManifest reports a manifest that was not taken, with its tags, and
// returns the error if it stops the import.
func (im *run) skipManifest(ctx context.Context, e *event, raw []byte, err error) error {
	if im.stops(ctx, err) {
		return err
	}
	if errors.Is(err, lading.ErrNameInvalid) {
		im.refuse(e.repo, err)
		im.report.Manifests.Skipped++
		im.report.Tags.Skipped += len(e.tags)
		return nil
	}
	reason := err.Error()
	if errors.Is(err, lading.ErrManifestBlobUnknown) {
		if reason, err = im.missing(ctx, e.repo, raw); err != nil {
			return err
		}
	}
	im.report.skip(skipManifest, e.repo.from, string(e.m.desc.Digest), reason)
	im.skipTags(e)
	return nil
}

// maxMissing is how many digests a reason names.
const maxMissing = 10

// missing tells which of the things that a manifest refers to are not here.
func (im *run) missing(ctx context.Context, r *repository, raw []byte) (string, error) {
	doc, err := parse(raw)
	if err != nil {
		return err.Error(), nil // cannot be: it was parsed before
	}
	var blobs, children []string
	for _, b := range doc.blobs() {
		if elsewhere(b) {
			continue
		}
		_, err := im.reg.ResolveBlob(ctx, r.to, b.Digest)
		if unlessUnknown(err) != nil {
			return "", err
		}
		if err != nil {
			blobs = append(blobs, string(b.Digest))
		}
	}
	for _, c := range doc.Manifests {
		_, err := im.reg.Resolve(ctx, r.to, lading.Reference{Digest: c.Digest})
		if unlessUnknown(err) != nil {
			return "", err
		}
		if err != nil {
			children = append(children, string(c.Digest))
		}
	}
	if len(blobs) > 0 {
		return "blobs that it uses could not be had from the source: " + some(blobs), nil
	}
	return fmt.Sprintf("%d of the %d manifests that it lists could not be had from the source (a configuration with manifests.sparse: allow takes it as it is): %s",
		len(children), len(doc.Manifests), some(children)), nil
}

func some(digests []string) string {
	if n := len(digests) - maxMissing; n > 0 {
		return strings.Join(digests[:maxMissing], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(digests, ", ")
}
