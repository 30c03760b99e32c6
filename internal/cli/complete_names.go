package cli

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lading-dev/lading"
)

// named completes an argument of a command about accounts, rules or tokens. It
// is told what stands before and what has been typed of it.
type named func(ctx context.Context, before []string, text string) ([]cobra.Completion, cobra.ShellCompDirective)

const noFiles = cobra.ShellCompDirectiveNoFileComp

// completeArgs completes each argument in its own way, and those behind in that
// of the last; nil is for an argument that nobody knows before it is typed.
func completeArgs(each ...named) completer {
	return func(cmd *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		of := each[min(len(args), len(each)-1)]
		if of == nil {
			return nil, noFiles
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), CompleteTime)
		defer cancel()
		found, directive := of(ctx, args, text)
		found = slices.DeleteFunc(found, func(word cobra.Completion) bool {
			name, _, _ := strings.Cut(word, "\t")
			return name != clean(name) || slices.Contains(args, name)
		})
		return found[:min(len(found), completeMost)], directive
	}
}

// completeFlag has a flag completed as if it were an argument.
func completeFlag(cmd *cobra.Command, flag string, of named) {
	complete := completeArgs(of)
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return complete(cmd, nil, text)
	})
}

// quiet keeps the shell from offering files where none are meant: for arguments
// that nothing else completes, and for flags that say no FILE or DIR.
func quiet(cmd *cobra.Command) {
	if cmd.Runnable() && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	QuietFlags(cmd)
	for _, c := range cmd.Commands() {
		quiet(c)
	}
}

// QuietFlags keeps the shell from offering files for the flags of a command
// that want none: their usage names no FILE or DIR.
func QuietFlags(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { quietFlag(cmd, f) })
	cmd.PersistentFlags().VisitAll(func(f *pflag.Flag) { quietFlag(cmd, f) })
}

func quietFlag(cmd *cobra.Command, f *pflag.Flag) {
	what, _ := pflag.UnquoteUsage(f)
	_, has := cmd.GetFlagCompletionFunc(f.Name)
	if what != "FILE" && what != "DIR" && !has {
		_ = cmd.RegisterFlagCompletionFunc(f.Name, cobra.NoFileCompletions)
	}
}

// words completes some words. Behind one that ends in a colon more is to come.
func words(all ...string) named {
	return func(_ context.Context, _ []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		found := startingWith(all, text)
		if slices.ContainsFunc(found, func(w string) bool { return strings.HasSuffix(w, ":") }) {
			return toCompletions(found), noFiles | cobra.ShellCompDirectiveNoSpace
		}
		return toCompletions(found), noFiles
	}
}

// behind asks for a page that begins with the text, or not far before it.
func behind(text string) string {
	v := url.Values{"n": {"1000"}}
	if len(text) > 1 {
		v.Set("last", text[:len(text)-1])
	}
	return v.Encode()
}

// subjectsLike are some accounts whose subjects begin with the text, of those
// that the caller may see.
func (f *ruleFlags) subjectsLike(ctx context.Context, text string) (out []lading.Account) {
	type page struct {
		Accounts []lading.Account `json:"accounts"`
	}
	_ = somePages(ctx, f, rulesAt+"accounts?"+behind(text), func(p page) error {
		for _, a := range p.Accounts {
			if strings.HasPrefix(a.Subject, text) {
				out = append(out, a)
			} else if a.Subject > text {
				return errEnough
			}
			if len(out) >= completeMost {
				return errEnough
			}
		}
		return nil
	})
	return out
}

// accountNames completes accounts: users by their names, services by their
// subjects.
func (f *ruleFlags) accountNames(ctx context.Context, _ []string, text string) (out []cobra.Completion, _ cobra.ShellCompDirective) {
	if strings.Contains(text, ":") {
		return subjectsOf(f.subjectsLike(ctx, text)), noFiles
	}
	for _, a := range f.subjectsLike(ctx, "user:"+text) {
		out = append(out, strings.TrimPrefix(a.Subject, "user:"))
	}
	if strings.HasPrefix("service:", text) {
		out = append(out, subjectsOf(f.subjectsLike(ctx, "service:"))...)
	}
	return out, noFiles
}

func subjectsOf(accounts []lading.Account) (out []cobra.Completion) {
	for _, a := range accounts {
		out = append(out, a.Subject)
	}
	return out
}

// services completes the accounts that tokens are made for.
func (f *ruleFlags) services(ctx context.Context, _ []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if rest, ok := strings.CutPrefix("service:", text); ok && rest != "" {
		text = "service:"
	}
	return subjectsOf(f.subjectsLike(ctx, text)), noFiles
}

// groupNames completes groups that accounts are in.
func (f *ruleFlags) groupNames(ctx context.Context, _ []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var all []string
	for _, a := range f.subjectsLike(ctx, "") {
		all = append(all, a.Groups...)
	}
	slices.Sort(all)
	return toCompletions(startingWith(slices.Compact(all), text)), noFiles
}

// subjects completes whom a rule is about.
func (f *ruleFlags) subjects(ctx context.Context, before []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch kind, rest, ok := strings.Cut(text, ":"); {
	case !ok:
		return words("user:", "service:", "group:", "authenticated", "anonymous")(ctx, before, text)
	case kind == "group":
		found, directive := f.groupNames(ctx, before, rest)
		return prefixed("group:", found), directive
	}
	return f.actors(ctx, before, text)
}

// actors completes who has an account.
func (f *ruleFlags) actors(ctx context.Context, before []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if !strings.Contains(text, ":") {
		return words("user:", "service:")(ctx, before, text)
	}
	return subjectsOf(f.subjectsLike(ctx, text)), noFiles
}

// scopes completes where a rule is about: parts of the registry, by the names
// of repositories.
func (f *ruleFlags) scopes(ctx context.Context, before []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	kind, path, ok := strings.Cut(text, ":")
	if !ok || kind == "registry" {
		return words("registry", "namespace:", "repository:", "prefix:")(ctx, before, text)
	}
	found, directive := f.repositories(ctx, before, path)
	return prefixed(kind+":", found), directive
}

// repositories completes the registry's repositories.
func (f *ruleFlags) repositories(ctx context.Context, _ []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	p, err := parsePlace(f.registry)
	if err != nil {
		return nil, noFiles
	}
	c, err := f.conn.dial(p)
	if err != nil {
		return nil, noFiles
	}
	return toCompletions(c.repositoriesLike(ctx, text)), noFiles
}

// verb completes what one may do.
func verb(ctx context.Context, before []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return words(verbNames()...)(ctx, before, text)
}

func verbNames() (all []string) {
	for _, v := range lading.AllVerbs() {
		all = append(all, v.String())
	}
	return all
}

// verbs completes what rules let people do, one behind a comma too.
func verbs(ctx context.Context, before []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	all := append([]string{"reader", "writer", "owner"}, verbNames()...)
	done := ""
	if i := strings.LastIndexByte(text, ','); i >= 0 {
		done, text = text[:i+1], text[i+1:]
		said := strings.Split(done, ",")
		all = slices.DeleteFunc(all, func(verb string) bool { return slices.Contains(said, verb) })
	}
	found, directive := words(all...)(ctx, before, text)
	return prefixed(done, found), directive
}

// ruleIDs completes the rules that can be changed, each with what it says.
func (f *ruleFlags) ruleIDs(ctx context.Context, _ []string, text string) (out []cobra.Completion, _ cobra.ShellCompDirective) {
	var all struct {
		Rules []lading.AccessRule `json:"rules"`
	}
	if f.ask(ctx, http.MethodGet, "rules", nil, &all) != nil {
		return nil, noFiles
	}
	for _, r := range all.Rules {
		if r.Source == "api" && strings.HasPrefix(r.ID, text) {
			out = append(out, cobra.CompletionWithDesc(r.ID, clean(r.String())))
		}
	}
	return out, noFiles
}

// tokenIDs completes tokens that the caller may revoke, each with whose it is
// and what for.
func (f *ruleFlags) tokenIDs(ctx context.Context, _ []string, text string) (out []cobra.Completion, _ cobra.ShellCompDirective) {
	type page struct {
		Tokens []lading.APIToken `json:"tokens"`
	}
	_ = somePages(ctx, f, rulesAt+"tokens?"+behind(text), func(p page) error {
		for _, t := range p.Tokens {
			if strings.HasPrefix(t.ID, text) {
				out = append(out, cobra.CompletionWithDesc(t.ID, clean(t.Owner+" "+t.Description)))
			}
			if len(out) >= completeMost || t.ID > text && !strings.HasPrefix(t.ID, text) {
				return errEnough
			}
		}
		return nil
	})
	return out, noFiles
}

// expiries are some of the times at which a token can end.
func expiries(now func() time.Time) named {
	return func(ctx context.Context, before []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return words("30d", "90d", "365d", "never", now().UTC().AddDate(1, 0, 0).Format(time.RFC3339))(ctx, before, text)
	}
}
