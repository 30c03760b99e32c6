package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/errdef"

	"github.com/lading-dev/lading/internal/importer"
)

// cpFlags are the flags of lading cp.
type cpFlags struct {
	conn        connFlags
	src, dst    connFlags // certificate and key alone, of that end
	form        formFlags
	allTags     bool
	noReferrers bool
	quiet       bool
	jobs        int
}

const cpLong = `Copies what SRC names, with everything that belongs to it: the children of an
index, what refers to any of it (signatures, SBOMs, attestations), and the tags
under which cosign keeps signatures. Bytes and digests stay what they are.

SRC is HOST/REPOSITORY:TAG or @DIGEST, DST is HOST/REPOSITORY[:TAG]; without a
TAG it is SRC's. With --all-tags both are repositories, and every tag is copied.
Either may be an OCI layout: oci:DIR[:TAG], as SRC also the tar file of one.

What is at DST already is left out, so a copy that was interrupted goes on when
the same command is run again, and one that is whole costs little. Within one
registry blobs are mounted, not moved. Nothing is deleted at DST.`

func cpCommand(env Env) *cobra.Command {
	f := &cpFlags{}
	cmd := &cobra.Command{
		Use:   "cp SRC DST",
		Short: "Copy between registries and OCI layouts, with referrers",
		Long:  cpLong + refHelp + exitHelp,
		Example: `  lading cp docker.io/library/alpine:3.22 registry.example.com/mirror/alpine
  lading cp registry.example.com/acme/web:1.2 registry.example.com/prod/web:1.2
  lading cp --all-tags old.example.com/acme/web registry.example.com/acme/web
  lading cp registry.example.com/acme/web:1.2 oci:./web
  lading cp oci:./web:1.2 http://10.0.0.7:5000/acme/web`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeRef(env, &f.conn, 2),
		RunE: run(func(ctx context.Context, s streams, args []string) error {
			return f.run(ctx, env, s, args[0], args[1])
		}),
	}
	fl := cmd.Flags()
	f.addConn(cmd)
	f.form.add(cmd, "text", "json")
	fl.BoolVar(&f.allTags, "all-tags", false, "copy every tag of the repository")
	fl.BoolVar(&f.noReferrers, "no-referrers", false, "leave out what refers to what is copied, and cosign's tags")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "show no progress; it is shown on a terminal alone")
	fl.IntVar(&f.jobs, "jobs", 2*runtime.GOMAXPROCS(0), "how `MANY` things are copied at a time")
	return cmd
}

// addConn adds the flags of how the ends are spoken to: what is said of none is
// for both.
func (f *cpFlags) addConn(cmd *cobra.Command) {
	f.conn.both = true
	f.conn.add(cmd)
	for _, end := range []struct {
		*connFlags
		name, of string
	}{{&f.src, "src-", "SRC"}, {&f.dst, "dst-", "DST"}} {
		cmd.Flags().StringVar(&end.cert, end.name+"cert", "", "show the registry of "+end.of+" the certificate in `FILE` (PEM) instead")
		cmd.Flags().StringVar(&end.key, end.name+"key", "", "the private key of --"+end.name+"cert is in `FILE` (PEM), if not in the same")
		fileFlags(cmd, end.name+"cert", end.name+"key")
		end.end = end.name
	}
}

// of are the flags for one end.
func (f *cpFlags) of(end connFlags) *connFlags {
	both := f.conn
	if end.cert != "" || end.key != "" {
		both.cert, both.key, both.end, both.both = end.cert, end.key, end.end, false
	}
	return &both
}

// report is what lading cp tells at its end.
type report struct {
	Source      string        `json:"source"`
	Destination string        `json:"destination"`
	Digest      digest.Digest `json:"digest,omitempty"` // where one manifest was named
	Tags        []string      `json:"tags"`
	Manifests   int           `json:"manifests"`
	Referrers   int           `json:"referrers"` // of the manifests
	Blobs       int           `json:"blobs"`
	Bytes       int64         `json:"bytes"`       // of all that was to be copied
	Copied      int           `json:"copied"`      // manifests and blobs
	BytesCopied int64         `json:"bytesCopied"` // that were moved
	Mounted     int           `json:"mounted"`
	Present     int           `json:"present"` // were there already
	Missing     []string      `json:"missing,omitempty"`
}

func (f *cpFlags) run(ctx context.Context, env Env, s streams, from, to string) error {
	if f.jobs < 1 {
		return usage("--jobs: %d is less than one", f.jobs)
	}
	src, dst, err := f.sides(ctx, from, to)
	if err != nil {
		return err
	}
	r, err := f.copy(ctx, src, dst, show{s.err, !f.quiet && env.Terminal(s.err)})
	if err != nil {
		if errors.Is(err, errPartly) {
			return fmt.Errorf("%w\nwhat was copied stays: run the same command again to go on", err)
		}
		return err
	}
	for _, m := range r.Missing {
		s.note(m)
	}
	return f.form.one(s.out, r, r.text)
}

// errPartly marks a copy that had begun.
var errPartly = errors.New("the copy is not whole")

// show is where progress is shown, if it is.
type show struct {
	w  io.Writer
	on bool
}

func (f *cpFlags) copy(ctx context.Context, src, dst *side, to show) (*report, error) {
	meter, stop := &importer.Meter{}, func() {}
	if to.on {
		stop = meter.Show(to.w, true)
	}
	meter.Begin("looking at "+src.String(), "manifests", 0, 0)
	p, err := f.plan(ctx, src, cmp.Or(dst.tag, src.tag), meter)
	stop()
	if err != nil {
		return nil, said(src.String(), err)
	}
	r := p.report()
	r.Source, r.Destination = src.String(), dst.String()
	c := &copier{plan: p, src: src, dst: dst, report: r, jobs: f.jobs}
	if to.on {
		c.bars = showBars(to.w, r.Bytes)
		defer c.bars.stop()
	}
	if err := c.run(ctx); errors.Is(err, errdef.ErrNotFound) {
		// Something that belongs to it, and not what was named.
		return nil, &Failure{fmt.Errorf("%w: %s to %s: %w", errPartly, src, dst, err), ExitFailed}
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", errPartly, said(src.String()+" to "+dst.String(), err))
	}
	return r, nil
}

// referrersTag is the tag of a list of referrers where a registry has no API
// for them (distribution-spec, "Referrers Tag Schema"). The list is made anew
// at a destination that needs it.
var referrersTag = regexp.MustCompile(`^(sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})$`)

// plan finds out what is to be copied; tag is what one manifest is called at
// the destination, if anything.
func (f *cpFlags) plan(ctx context.Context, src *side, tag string, meter *importer.Meter) (*plan, error) {
	p := newPlan(src.store, f.jobs, !f.noReferrers, meter)
	if !f.allTags {
		desc, err := src.store.Resolve(ctx, src.reference())
		if err != nil {
			return nil, err
		}
		p.named = desc
		var tags []tagging
		if tag != "" {
			tags = []tagging{{tag, desc}}
		}
		return p, p.follow(ctx, tags, desc)
	}
	p.whole = true
	names, err := tagsOf(ctx, src.store)
	if err != nil {
		return nil, err
	}
	tags, err := p.resolve(ctx, names)
	if err != nil {
		return nil, err
	}
	return p, p.follow(ctx, tags)
}

// text is the report for people.
func (r *report) text(w io.Writer) error {
	what := r.Source
	if r.Digest != "" {
		what += " (" + string(r.Digest) + ")"
	}
	_, err := fmt.Fprintf(w, "copied %s to %s: %s, %s, %s, %s\n%d copied (%s), %d mounted, %d there already\n",
		what, r.Destination, count(r.Manifests, "manifest")+fmt.Sprintf(" (%s)", count(r.Referrers, "referrer")), count(len(r.Tags), "tag"), count(r.Blobs, "blob"), size(r.Bytes),
		r.Copied, size(r.BytesCopied), r.Mounted, r.Present)
	return err
}
