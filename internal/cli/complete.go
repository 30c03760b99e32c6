package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// Completion asks registries, shortly, and is silent when they do not answer.
const (
	CompleteTime = 2 * time.Second // for all that is asked
	completeMost = 200             // suggestions
)

type completer = func(cmd *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeRef completes HOST/REPOSITORY:TAG for the first most arguments; 0
// is for all.
func completeRef(env Env, cf *connFlags, most int) completer {
	return func(cmd *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, env, cf, text, true)
	}
}

// completeLs completes what lading ls lists.
func completeLs(env Env, f *lsFlags) completer {
	return func(cmd *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 1 || len(args) == 1 && !slices.Contains(kinds, args[0]) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, directive := complete(cmd, env, &f.conn, text, false)
		if len(args) == 0 && !strings.Contains(text, "/") {
			found = append(toCompletions(startingWith(kinds, text)), found...)
		}
		return found, directive
	}
}

func startingWith(words []string, text string) (out []string) {
	for _, w := range words {
		if strings.HasPrefix(w, text) {
			out = append(out, w)
		}
	}
	return out
}

// complete completes a host, a repository or, with tags, a tag.
func complete(cmd *cobra.Command, env Env, cf *connFlags, text string, tags bool) ([]cobra.Completion, cobra.ShellCompDirective) {
	const more = cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	ctx, cancel := context.WithTimeout(cmd.Context(), CompleteTime)
	defer cancel()
	scheme := ""
	for _, s := range []string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(text, s); ok {
			scheme, text = s, rest
		}
	}
	host, path, ok := strings.Cut(text, "/")
	if !ok {
		return toCompletions(startingWith([]string{scheme + env.Registry + "/"}, scheme+text)), more
	}
	p, err := parsePlace(scheme + host)
	if err != nil {
		return nil, more
	}
	c, err := cf.dial(p)
	if err != nil {
		return nil, more
	}
	before := scheme + host + "/"
	if repo, begun, ok := strings.Cut(path, ":"); ok && tags {
		return prefixed(before+repo+":", c.tagsLike(ctx, repo, begun)), cobra.ShellCompDirectiveNoFileComp
	}
	found := prefixed(before, c.repositoriesLike(ctx, path))
	if tags && len(found) == 1 && found[0] == before+path {
		return []cobra.Completion{before + path + ":"}, more
	}
	return found, more
}

func prefixed(prefix string, words []string) (out []cobra.Completion) {
	for _, w := range words {
		out = append(out, prefix+w)
	}
	return out
}

// repositoriesLike are some repositories whose names begin with the text.
func (c *conn) repositoriesLike(ctx context.Context, text string) (out []string) {
	if d, err := c.discovery(ctx, "_lading/list/repositories"); err == nil && d != nil {
		q := lading.Query{Kind: lading.KindRepositories, N: completeMost}
		if text != "" {
			q.Scope.Prefix = []string{text}
		}
		_, _, _ = pages(ctx, d, q, completeMost, func(p page) error {
			for _, it := range p.items {
				out = append(out, it.Repository)
			}
			return nil
		})
		return out
	}
	reg, err := c.registry()
	if err != nil {
		return nil
	}
	_ = reg.Repositories(ctx, "", func(names []string) error {
		out = append(out, startingWith(names, text)...)
		return enough(out)
	})
	return out
}

// tagsLike are some tags of a repository that begin with the text.
func (c *conn) tagsLike(ctx context.Context, repo, text string) (out []string) {
	r, err := c.repo(repo)
	if err != nil {
		return nil
	}
	_ = r.Tags(ctx, "", func(tags []string) error {
		out = append(out, startingWith(tags, text)...)
		return enough(out)
	})
	return out
}

func enough(out []string) error {
	if len(out) >= completeMost {
		return errEnough
	}
	return nil
}

// completeTypes completes the short names of artifact types.
func completeTypes(_ *cobra.Command, _ []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []string
	for _, t := range builtIn().set.Types() {
		names = append(names, t.Name)
	}
	return toCompletions(startingWith(names, text)), cobra.ShellCompDirectiveNoFileComp
}
