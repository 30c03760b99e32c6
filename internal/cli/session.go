package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// sessionFlags are the flags of lading session.
type sessionFlags struct {
	ruleFlags
	env   Env
	owner string
	all   bool
}

func sessionCommand(env Env) *cobra.Command {
	f := &sessionFlags{env: env}
	cmd := f.group(env, &cobra.Command{
		Use:   "session",
		Short: "List sessions, and end them",
		Long: `Lists sessions, and ends them. A session is what docker login and its like keep
in place of a password. Everyone sees and ends the own ones, who administers the
whole registry all. What was got with a session that has ended is good for
nothing any more; the password, and API tokens, stay.` + signInHelp + exitHelp,
		Example: `  lading session ls
  lading session rm 5f0c2d9e81b34a7760cd`,
	})
	ls := &cobra.Command{
		Use: "ls", Short: "List sessions", Args: cobra.NoArgs,
		Long: `Lists sessions: whose they are, what the client calls itself, from where and
when it has signed in, when it last came for a token, and when the session ends.
One that is over is of no use any more: its owner has gone, or has another
password.`,
		Example: `  lading session ls
  lading session ls --of service:ci -o json`,
		RunE: run(func(ctx context.Context, s streams, _ []string) error { return f.list(ctx, s) }),
	}
	f.addOutput(ls)
	rm := &cobra.Command{
		Use: "rm ID... | rm --all", Short: "End sessions", Args: cobra.ArbitraryArgs,
		Long: `Ends sessions, at once here and within a second on all replicas. With --all, all
of an account: the own ones, unless --of says whose.`,
		Example: `  lading session rm 5f0c2d9e81b34a7760cd
  lading session rm --all --of bob`,
		ValidArgsFunction: f.complete,
		RunE:              run(func(ctx context.Context, s streams, args []string) error { return f.end(ctx, s, args) }),
	}
	rm.Flags().BoolVar(&f.all, "all", false, "end all sessions of an account")
	for _, c := range []*cobra.Command{ls, rm} {
		c.Flags().StringVar(&f.owner, "of", "", "only those of an `ACCOUNT`")
		completeFlag(c, "of", f.accountNames)
	}
	return addBelow(cmd, ls, rm)
}

// ownerOf is the subject of an account, or of a caller who has none, such as
// service:github/acme/web.
func ownerOf(name string) (string, error) {
	if !strings.Contains(name, ":") {
		name = "user:" + name
	}
	kind, _, _ := strings.Cut(name, ":")
	if err := lading.CheckSubject(name); err != nil || kind == "group" {
		return "", usage("--of %q: write user:NAME or service:NAME", name)
	}
	return name, nil
}

// sessions are those that the caller may see.
func (f *sessionFlags) sessions(ctx context.Context) ([]lading.Session, error) {
	path := rulesAt + "sessions?n=1000"
	if f.owner != "" {
		owner, err := ownerOf(f.owner)
		if err != nil {
			return nil, err
		}
		path += "&owner=" + url.QueryEscape(owner)
	}
	type page struct {
		Sessions []lading.Session `json:"sessions"`
	}
	out := []lading.Session{}
	err := allPages(ctx, &f.ruleFlags, path, func(p page) { out = append(out, p.Sessions...) })
	return out, err
}

func (f *sessionFlags) list(ctx context.Context, s streams) error {
	if err := f.form(); err != nil {
		return err
	}
	all, err := f.sessions(ctx)
	if err != nil {
		return said(f.registry, err)
	}
	if f.output == "json" {
		return writeJSON(s.out, map[string]any{"sessions": all})
	}
	now := f.env.Now()
	t := newTable(s.out, "ID", "OWNER", "CLIENT", "ADDRESS", "MADE", "USED", "EXPIRES")
	for _, one := range all {
		expires := endOf(now, one.Expires)
		if one.Over {
			expires = "over"
		}
		t.row(one.ID, one.Owner, one.Client, one.Address, age(now, one.Made), lastUse(now, one.Used), expires)
	}
	return t.flush()
}

// end ends the sessions of these ids, or all of an account.
func (f *sessionFlags) end(ctx context.Context, s streams, ids []string) error {
	switch {
	case f.all == (len(ids) > 0):
		return usage("name sessions by their ids, which lading session ls shows, or say --all")
	case f.all:
		return f.endAll(ctx, s)
	case f.owner != "":
		return usage("--of goes with --all")
	}
	for _, id := range ids {
		if strings.HasPrefix(id, "lading_rt_") {
			return usage("that is a refresh token itself: name the session by its id, which lading session ls shows")
		}
		if _, err := f.askAccounts(ctx, http.MethodDelete, rulesAt+"sessions/"+url.PathEscape(id), nil, nil, nil); err != nil {
			return said(id, err)
		}
		fmt.Fprintf(s.out, "ended %s\n", clean(id))
	}
	return nil
}

func (f *sessionFlags) endAll(ctx context.Context, s streams) error {
	owner := f.owner
	if owner == "" {
		who, err := f.whoAmI(ctx)
		if err != nil {
			return said(f.registry, err)
		}
		owner = who.Subject
	}
	owner, err := ownerOf(owner)
	if err != nil {
		return err
	}
	if _, err := f.askAccounts(ctx, http.MethodDelete, rulesAt+"sessions?owner="+url.QueryEscape(owner), nil, nil, nil); err != nil {
		return said(owner, err)
	}
	fmt.Fprintf(s.out, "ended all sessions of %s\n", clean(owner))
	return nil
}

// complete completes the ids of sessions.
func (f *sessionFlags) complete(cmd *cobra.Command, _ []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), CompleteTime)
	defer cancel()
	all, err := f.sessions(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return toCompletions(startingWith(ids, text)), cobra.ShellCompDirectiveNoFileComp
}
