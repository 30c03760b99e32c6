package cli

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// The annotations of an entry of a tag's history (opencontainers/
// distribution-spec, pull request 606).
const (
	annotationTagTime  = "org.opencontainers.distribution.tag.timestamp"
	annotationTagEvent = "org.opencontainers.distribution.tag.event"
)

// past is what a tag pointed to at some time.
type past struct {
	Time      time.Time     `json:"time"`
	Event     string        `json:"event"`
	Digest    digest.Digest `json:"digest"`
	MediaType string        `json:"mediaType"`
	Size      int64         `json:"size"`
}

func historyCommand(env Env) *cobra.Command {
	var cf connFlags
	var form formFlags
	var limit int
	cmd := &cobra.Command{
		Use:   "history REF",
		Short: "Tell what a tag pointed to",
		Long: `Tells what a tag has pointed to, the newest first: when it was set to a manifest
(created) and when it was taken away (deleted). It is asked of the draft
endpoint _oci/tag-history; of a registry without it nothing can be told (exit
code 5).` + refHelp + exitHelp,
		Example: `  lading history registry.example.com/acme/web:latest
  lading history registry.example.com/acme/web:latest -n 5 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRef(env, &cf, 1),
		RunE: run(func(ctx context.Context, s streams, args []string) error {
			p, err := parseRef(args[0])
			switch {
			case err != nil:
				return err
			case p.tag == "":
				return usage("%q names no tag: write %s:TAG", args[0], p.repository())
			case limit < 0:
				return usage("--limit: %d is less than one", limit)
			}
			c, err := cf.dial(p)
			if err != nil {
				return err
			}
			entries, err := history(ctx, c, p, limit)
			if err != nil {
				return said(p.String(), err)
			}
			return form.history(s, entries, env.Now)
		}),
	}
	cf.add(cmd)
	form.add(cmd, "table", "json", "ndjson", "template")
	cmd.Flags().IntVarP(&limit, "limit", "n", 0, "tell no more than so `MANY`")
	return cmd
}

// history is what the registry tells of a tag: the newest limit entries, or
// all.
func history(ctx context.Context, c *conn, p place, limit int) ([]past, error) {
	var out []past
	path := "/v2/" + p.path + "/_oci/tag-history/" + p.tag
	q := url.Values{}
	if limit > 0 {
		q.Set("n", strconv.Itoa(limit))
	}
	if p.digest != "" {
		q.Set("digest", string(p.digest))
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	for path != "" {
		var index ocispec.Index
		next, err := c.askPage(ctx, path, &index, ocispec.MediaTypeImageIndex)
		if isStatus(err, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusNotImplemented) {
			return nil, unsupported("%s keeps no history of tags", c.host)
		}
		if err != nil {
			return nil, err
		}
		for _, m := range index.Manifests {
			at, _ := time.Parse(time.RFC3339Nano, m.Annotations[annotationTagTime])
			out = append(out, past{at, m.Annotations[annotationTagEvent], m.Digest, m.MediaType, m.Size})
		}
		if path = next; limit > 0 && len(out) >= limit {
			return out[:limit], nil
		}
	}
	if len(out) == 0 {
		return nil, lading.ErrManifestUnknown.With("there is no such tag, and there was none")
	}
	return out, nil
}

// history writes the entries.
func (f *formFlags) history(s streams, entries []past, now func() time.Time) error {
	switch f.form {
	case "json":
		return writeJSON(s.out, entries)
	case "ndjson":
		for _, e := range entries {
			b, err := line(e)
			if err != nil {
				return err
			}
			if _, err := s.out.Write(b); err != nil {
				return err
			}
		}
		return nil
	case "template":
		t, err := f.parse(now)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := executeTemplate(t, s.out, e); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(s.out, "TIME", "AGE", "EVENT", "DIGEST")
	for _, e := range entries {
		t.row(e.Time.UTC().Format(time.RFC3339), age(now(), e.Time), e.Event, string(e.Digest))
	}
	return t.flush()
}
