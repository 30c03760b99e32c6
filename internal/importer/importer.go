// Package importer moves the content of another registry into this one:
// tags, manifests with and without tags, referrers, and the blobs that
// manifests refer to, with the times of their pushes where those are known.
//
// It works in three steps. It reads all manifests of the source; copies the
// blobs that they refer to, several at a time, each verified on its way; and
// puts the manifests, one at a time, in the order of their times. Each step
// leaves out what is there already, so an import that was interrupted, at
// whatever point, is finished by running it again, and content that has come
// since is brought by running it once more. Nothing is ever deleted.
//
// It writes through lading.Registry alone, so every rule of the registry holds
// for what is taken over, and the journal tells of it.
package importer

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/importer/source"
)

// Actor is who the journal says has pushed what was imported.
const Actor = "import"

// Options say what is imported and how.
type Options struct {
	// Wants tells which repositories of the source are taken; nil for all.
	Wants func(repo string) bool
	// Named are repositories that were asked for by name: those that the
	// source does not have are reported.
	Named []string
	// Rename gives a repository its name here; nil keeps it.
	Rename func(repo string) string
	// Clock is the registry's clock, which an import sets to the times of
	// the pushes it replays; nil leaves the registry's time alone.
	Clock *Clock
	// Newest is the time of the newest change that the registry has, among
	// those with which a repository of that name shares its order; what was
	// pushed before gets the time of the import. nil stands for an empty
	// registry.
	Newest func(repo string) time.Time
	// Jobs is how many blobs are copied, and repositories read, at a time; 0
	// stands for two a processor, at least four.
	Jobs int
	// Hold is how many bytes of manifests are kept in memory from when they
	// are read until they are put; 0 stands for 64 MiB. The others are read
	// twice.
	Hold int
	// DryRun looks at the source alone: no registry is needed.
	DryRun bool
	// Meter counts the progress; nil counts nothing.
	Meter *Meter
}

// Import takes over the content of a source. What cannot be taken over is told
// in the report and does not stop the rest; the error is for what stopped all.
func Import(ctx context.Context, src source.Source, reg lading.Registry, opt Options) (*Report, error) {
	if opt.Jobs <= 0 {
		opt.Jobs = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if opt.Hold <= 0 {
		opt.Hold = 64 << 20
	}
	if opt.Meter == nil {
		opt.Meter = &Meter{}
	}
	if opt.Wants == nil {
		opt.Wants = func(string) bool { return true }
	}
	if opt.Rename == nil {
		opt.Rename = func(repo string) string { return repo }
	}
	ctx = lading.WithIdentity(ctx, lading.Identity{Subject: Actor})
	ctx = lading.WithGrants(ctx, func(context.Context) (lading.Grants, error) { return lading.AllGrants(), nil })
	im := &run{src: src, reg: reg, opt: opt, now: time.Now, report: newReport(src, opt.DryRun), cache: payloads{room: opt.Hold}}
	begun := im.now()
	err := im.run(ctx)
	im.report.Seconds = time.Since(begun).Seconds()
	im.report.sort()
	return im.report, err
}

// run is one import.
type run struct {
	src    source.Source
	reg    lading.Registry
	opt    Options
	now    func() time.Time
	report *Report
	cache  payloads
}

func (im *run) run(ctx context.Context) error {
	repos, err := im.scan(ctx)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	if err := im.copyBlobs(ctx, repos); err != nil {
		return fmt.Errorf("copy blobs: %w", err)
	}
	if im.opt.DryRun {
		return nil
	}
	if err := im.putManifests(ctx, repos); err != nil {
		return fmt.Errorf("put manifests: %w", err)
	}
	return nil
}
