package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/registry"
)

func tagCommand(env Env) *cobra.Command {
	var cf connFlags
	cmd := &cobra.Command{
		Use:   "tag REF TAG...",
		Short: "Give a manifest more tags",
		Long: `Lets tags point to a manifest of the same repository. A tag that is there
already moves. No blob is moved.` + refHelp + exitHelp,
		Example: `  lading tag registry.example.com/acme/web:1.2.3 1.2 1 latest
  lading tag registry.example.com/acme/web@sha256:4f3a… stable`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: completeRef(env, &cf, 1),
		RunE: run(func(ctx context.Context, s streams, args []string) error {
			p, err := parseManifest(args[0])
			if err != nil {
				return err
			}
			return tag(ctx, s, &cf, p, args[1:])
		}),
	}
	cf.add(cmd)
	return cmd
}

func tag(ctx context.Context, s streams, cf *connFlags, p place, tags []string) error {
	for _, t := range tags {
		if (registry.Reference{Reference: t}).ValidateReferenceAsTag() != nil {
			return usage("%q is not a tag", t)
		}
	}
	c, err := cf.dial(p)
	if err != nil {
		return err
	}
	repo, err := c.repo(p.path)
	if err != nil {
		return err
	}
	desc, err := repo.Resolve(ctx, p.reference())
	if err != nil {
		return said(p.String(), err)
	}
	for _, t := range tags {
		if err := repo.Tag(ctx, desc, t); err != nil {
			return said(fmt.Sprintf("tag %s:%s", p.repository(), t), err)
		}
		fmt.Fprintf(s.out, "%s:%s is %s\n", p.repository(), t, desc.Digest)
	}
	return nil
}
