package cli

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/registry/remote"
)

// rmFlags are the flags of lading rm.
type rmFlags struct {
	conn       connFlags
	repository bool
	yes        bool
}

func rmCommand(env Env) *cobra.Command {
	f := &rmFlags{}
	cmd := &cobra.Command{
		Use:   "rm REF...",
		Short: "Remove tags, manifests or repositories",
		Long: `Removes what each REF names: HOST/REPOSITORY:TAG the tag alone, the manifest
stays; HOST/REPOSITORY@DIGEST the manifest with all its tags; with --repository,
HOST/REPOSITORY the whole repository, where the registry can do that.

On a terminal it asks first. Elsewhere --repository needs --yes. What could not
be removed does not stop the rest.` + refHelp + exitHelp,
		Example: `  lading rm registry.example.com/acme/web:old
  lading rm --yes registry.example.com/acme/web@sha256:4f3a…
  lading rm --repository registry.example.com/acme/scratch
  lading ls registry.example.com/acme/web --prefix pr- -o name | xargs -r lading rm`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRef(env, &f.conn, 0),
		RunE: run(func(ctx context.Context, s streams, args []string) error {
			return f.run(ctx, env, s, args)
		}),
	}
	f.conn.add(cmd)
	cmd.Flags().BoolVar(&f.repository, "repository", false, "remove whole repositories")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	return cmd
}

func (f *rmFlags) run(ctx context.Context, env Env, s streams, args []string) error {
	targets := make([]place, len(args))
	for i, arg := range args {
		var err error
		if targets[i], err = f.target(arg); err != nil {
			return err
		}
	}
	asks := env.Terminal(s.in) && !f.yes
	if f.repository && !asks && !f.yes {
		return usage("--repository needs --yes where nobody can be asked")
	}
	answers := bufio.NewReader(s.in)
	var first error
	for _, p := range targets {
		if asks && !confirm(s, answers, what(p)) {
			s.note("left " + p.String())
			continue
		}
		if err := f.remove(ctx, p); err != nil {
			if first == nil {
				first = err
			} else {
				s.note(err.Error())
			}
			continue
		}
		fmt.Fprintf(s.out, "removed %s\n", p)
	}
	return first
}

// target is what an argument names.
func (f *rmFlags) target(arg string) (place, error) {
	if !f.repository {
		return parseManifest(arg)
	}
	p, err := parseRef(arg)
	if err == nil && (p.tag != "" || p.digest != "") {
		err = usage("%q names a manifest: with --repository write %s", arg, p.repository())
	}
	return p, err
}

// what tells a person what is to be removed.
func what(p place) string {
	switch {
	case p.digest != "":
		return fmt.Sprintf("the manifest %s@%s and all its tags", p.repository(), p.digest)
	case p.tag != "":
		return "the tag " + p.String()
	}
	return "the repository " + p.String() + " with everything in it"
}

func confirm(s streams, answers *bufio.Reader, what string) bool {
	fmt.Fprintf(s.err, "Remove %s? [y/N] ", what)
	said, _ := answers.ReadString('\n')
	said = strings.ToLower(strings.TrimSpace(said))
	return said == "y" || said == "yes"
}

func (f *rmFlags) remove(ctx context.Context, p place) error {
	c, err := f.conn.dial(p)
	if err != nil {
		return err
	}
	switch {
	case p.digest != "":
		err = removeManifest(ctx, c, p)
	case p.tag != "":
		err = removeTag(ctx, c, p)
	default:
		err = removeRepository(ctx, c, p)
	}
	return said(p.String(), err)
}

func removeManifest(ctx context.Context, c *conn, p place) error {
	repo, err := c.repo(p.path)
	if err != nil {
		return err
	}
	desc, err := repo.Resolve(ctx, string(p.digest))
	if err != nil {
		return err
	}
	err = repo.Manifests().Delete(ctx, desc)
	if isStatus(err, http.StatusMethodNotAllowed) {
		return unsupported("this registry does not let manifests be removed")
	}
	return err
}

// removeTag removes a tag (distribution-spec, "Deleting tags"), which not every
// registry lets happen.
func removeTag(ctx context.Context, c *conn, p place) error {
	err := c.ask(ctx, http.MethodDelete, "/v2/"+p.path+"/manifests/"+p.tag, nil)
	if isStatus(err, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotImplemented) {
		return unsupported("this registry does not let tags be removed; the manifest goes with all its tags: lading rm %s", digestHint(ctx, c, p))
	}
	return err
}

func digestHint(ctx context.Context, c *conn, p place) string {
	var repo *remote.Repository
	repo, err := c.repo(p.path)
	if err == nil {
		if desc, err := repo.Resolve(ctx, p.tag); err == nil {
			return p.repository() + "@" + string(desc.Digest)
		}
	}
	return p.repository() + "@DIGEST"
}

func removeRepository(ctx context.Context, c *conn, p place) error {
	endpoints, err := c.endpoints(ctx)
	if err != nil {
		return err
	}
	if len(endpoints) == 0 {
		return unsupported("this registry does not have the discovery extension: remove the manifests one by one")
	}
	return c.ask(ctx, http.MethodDelete, "/v2/"+p.path+"/_lading/manage/repository", nil)
}
