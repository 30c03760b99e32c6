package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// tokenFlags are the flags of lading token.
type tokenFlags struct {
	ruleFlags
	env     Env
	in      lading.NewAPIToken
	expires string
	owner   string
}

func tokenCommand(env Env) *cobra.Command {
	f := &tokenFlags{env: env}
	cmd := f.group(env, &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke API tokens",
		Long: `Makes, lists and revokes API tokens, with which accounts sign in instead of
with a password: as the password of docker login, with any user name, or as a
bearer token. Everyone manages the own ones; who administers the whole registry
also those of services, and revokes all.` + signInHelp + exitHelp,
		Example: `  lading token create
  lading token ls
  lading token rm 4k2j9x0q1z8w3c`,
	})
	create := &cobra.Command{
		Use: "create", Short: "Make a token", Args: cobra.NoArgs,
		Long: `Makes a token and prints it: this once, nobody can be told again. It does what
its owner may or, with --scope, no more than that, and ends after 90 days unless
--expires says otherwise. A scope is "VERBS SCOPE", as in lading grant.`,
		Example: `  lading token create --description laptop --scope "reader registry"
  lading token create --for service:ci --scope "pull,push namespace:acme" --expires 30d
  lading token create --for service:ci --expires never > token`,
		RunE: run(func(ctx context.Context, s streams, _ []string) error { return f.create(ctx, s) }),
	}
	fl := create.Flags()
	fl.StringVar(&f.in.Owner, "for", "", "the `ACCOUNT` that it is of, service:NAME (default: your own)")
	fl.StringVar(&f.in.Description, "description", "", "a line of `TEXT` that tells what it is for")
	fl.StringArrayVar(&f.in.Scopes, "scope", nil, "limit it to what and where, `\"VERBS SCOPE\"`; may be repeated")
	fl.StringVar(&f.expires, "expires", "", "`WHEN` it ends: after so many days (30d), at a time (2027-01-31T00:00:00Z), or never")
	f.addOutput(create)
	ls := &cobra.Command{
		Use: "ls", Short: "List tokens", Args: cobra.NoArgs,
		Long: `Lists the own tokens; for who administers the whole registry, all. USED is about
how long ago a token was used.`,
		Example: `  lading token ls
  lading token ls --of service:ci -o json`,
		RunE: run(func(ctx context.Context, s streams, _ []string) error { return f.list(ctx, s) }),
	}
	ls.Flags().StringVar(&f.owner, "of", "", "only those of an `ACCOUNT`")
	f.addOutput(ls)
	rm := &cobra.Command{
		Use: "rm ID...", Short: "Revoke tokens", Args: cobra.MinimumNArgs(1),
		Long: `Revokes tokens by their ids, which lading token ls shows: they are good for
nothing when the command has ended.`,
		Example:           `  lading token rm 4k2j9x0q1z8w3c`,
		ValidArgsFunction: completeArgs(f.tokenIDs),
		RunE:              run(func(ctx context.Context, s streams, args []string) error { return f.revoke(ctx, s, args) }),
	}
	completeFlag(create, "for", f.services)
	completeFlag(create, "expires", expiries(env.Now))
	completeFlag(ls, "of", f.accountNames)
	return addBelow(cmd, create, ls, rm)
}

func (f *tokenFlags) create(ctx context.Context, s streams) (err error) {
	if err := f.form(); err != nil {
		return err
	}
	in := f.in
	if in.Owner != "" {
		if in.Owner, err = subjectOf(in.Owner); err != nil {
			return err
		}
	}
	if _, err := lading.ParseBound(in.Scopes); err != nil {
		return usage("--scope: %v", err)
	}
	if in.Expires, err = f.end(f.expires); err != nil {
		return err
	}
	var made struct {
		Token string `json:"token"`
		lading.APIToken
	}
	if _, err := f.askAccounts(ctx, http.MethodPost, rulesAt+"tokens", nil, in, &made); err != nil {
		return said(f.registry, err)
	}
	if f.output == "json" {
		return writeJSON(s.out, made)
	}
	until := "it ends " + made.Expires.Format(time.DateOnly)
	if made.Expires.IsZero() {
		until = "it never ends"
	}
	s.note("token " + clean(made.ID) + " of " + clean(made.Owner) + "; " + until + "; keep it now, it cannot be shown again")
	_, err = fmt.Fprintln(s.out, clean(made.Token))
	return err
}

// end is the time at which a token ends, as the registry wants it.
func (f *tokenFlags) end(text string) (string, error) {
	days, ok := strings.CutSuffix(text, "d")
	if n, err := strconv.Atoi(days); ok && err == nil && n > 0 && n < 100_000 {
		return f.env.Now().AddDate(0, 0, n).UTC().Format(time.RFC3339), nil
	}
	if text == "" || text == "never" {
		return text, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", usage("--expires %q: write days as in 30d, a time as in 2027-01-31T00:00:00Z, or never", text)
	}
	return t.UTC().Format(time.RFC3339), nil
}

// all are the tokens that the caller may see.
func (f *tokenFlags) all(ctx context.Context) ([]lading.APIToken, error) {
	path := rulesAt + "tokens?n=1000"
	if f.owner != "" {
		owner, err := subjectOf(f.owner)
		if err != nil {
			return nil, err
		}
		path += "&owner=" + url.QueryEscape(owner)
	}
	type page struct {
		Tokens []lading.APIToken `json:"tokens"`
	}
	out := []lading.APIToken{}
	err := allPages(ctx, &f.ruleFlags, path, func(p page) { out = append(out, p.Tokens...) })
	return out, err
}

func (f *tokenFlags) list(ctx context.Context, s streams) error {
	if err := f.form(); err != nil {
		return err
	}
	all, err := f.all(ctx)
	if err != nil {
		return said(f.registry, err)
	}
	if f.output == "json" {
		return writeJSON(s.out, map[string]any{"tokens": all})
	}
	now := f.env.Now()
	t := newTable(s.out, "ID", "OWNER", "DESCRIPTION", "SCOPES", "CREATED", "EXPIRES", "USED")
	for _, tok := range all {
		t.row(tok.ID, tok.Owner, tok.Description, strings.Join(tok.Scopes, "; "), age(now, tok.Created), endOf(now, tok.Expires), lastUse(now, tok.Used))
	}
	return t.flush()
}

// lastUse tells about when a token was used; nothing for never.
func lastUse(now, used time.Time) string {
	if used.IsZero() {
		return ""
	}
	return age(now, used)
}

// endOf tells when something ends, or that it has.
func endOf(now, end time.Time) string {
	switch {
	case end.IsZero():
		return "never"
	case !end.After(now):
		return "ended"
	}
	return end.UTC().Format(time.DateOnly)
}

func (f *tokenFlags) revoke(ctx context.Context, s streams, ids []string) error {
	for _, id := range ids {
		if strings.HasPrefix(id, "lading_pat_") {
			return usage("that is a token itself: name it by its id, which lading token ls shows")
		}
		if _, err := f.askAccounts(ctx, http.MethodDelete, rulesAt+"tokens/"+url.PathEscape(id), nil, nil, nil); err != nil {
			return said(id, err)
		}
		fmt.Fprintf(s.out, "revoked %s\n", clean(id))
	}
	return nil
}
