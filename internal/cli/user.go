package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// userFlags are the flags of lading user.
type userFlags struct {
	ruleFlags
	env   Env
	stdin bool
	none  bool
}

func userCommand(env Env) *cobra.Command {
	f := &userFlags{env: env}
	cmd := f.group(env, &cobra.Command{
		Use:   "user",
		Short: "Look at and change who can sign in",
		Long: `Looks at and changes the accounts of a registry: users and services. Who
administers the whole registry manages all of them; everyone changes the own
password. What they may do is said with lading grant.` + accountHelp + signInHelp + exitHelp,
		Example: `  lading user ls
  lading user add bob
  lading user groups bob dev ops
  lading user add service:ci
  lading user passwd`,
	})
	return addBelow(cmd, f.ls(), f.add(), f.passwd(), f.groupsOf(),
		f.each("rm", "Remove accounts, with their tokens and rules", "Removes accounts, with their tokens and the rules that were made for them.", f.remove),
		f.each("disable", "Keep accounts from signing in, for now", "Keeps accounts from signing in until lading user enable. They, and their tokens\nand rules, stay.", func(ctx context.Context, name string) (string, error) { return "disabled", f.disabled(ctx, name, true) }),
		f.each("enable", "Let accounts sign in again", "Lets accounts sign in again that lading user disable has kept from it.", func(ctx context.Context, name string) (string, error) { return "enabled", f.disabled(ctx, name, false) }))
}

func (f *userFlags) ls() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ls", Short: "List the accounts", Args: cobra.NoArgs,
		Long: `Lists the accounts, with their groups and whether they can sign in.`,
		Example: `  lading user ls
  lading user ls --registry registry.example.com -o json`,
		RunE: run(func(ctx context.Context, s streams, _ []string) error { return f.list(ctx, s) }),
	}
	f.addOutput(cmd)
	return cmd
}

func (f *userFlags) add() *cobra.Command {
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Make an account", Args: cobra.ExactArgs(1), ValidArgsFunction: completeArgs(words("service:"), nil),
		Long: `Makes an account. Of a user the password is asked for, or read of the standard
input.` + accountHelp,
		Example: `  lading user add bob --group dev
  lading user add bob --password-stdin < password
  lading user add service:ci`,
		RunE: run(func(ctx context.Context, s streams, args []string) error { return f.create(ctx, s, args[0]) }),
	}
	cmd.Flags().StringArrayVar(&f.groups, "group", nil, "a `GROUP` that the account is in; may be repeated")
	completeFlag(cmd, "group", f.groupNames)
	f.addPassword(cmd)
	return cmd
}

func (f *userFlags) addPassword(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.stdin, "password-stdin", false, "read the password of the standard input")
}

func (f *userFlags) passwd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "passwd [NAME]", Short: "Change a password: your own, or another user's", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: completeArgs(f.accountNames, nil),
		Long: `Changes a password: your own, or another user's. Whoever has signed in with
the old one is out when the command has ended. To change your own you have to be
signed in with the password and not with a token; sign in again afterwards.`,
		Example: `  lading user passwd
  lading user passwd bob --password-stdin < password`,
		RunE: run(func(ctx context.Context, s streams, args []string) error { return f.change(ctx, s, args) }),
	}
	f.addPassword(cmd)
	return cmd
}

func (f *userFlags) groupsOf() *cobra.Command {
	cmd := &cobra.Command{
		Use: "groups NAME [GROUP...]", Short: "Show, or say, the groups of an account", Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: completeArgs(f.accountNames, f.groupNames),
		Long: `Shows the groups of an account or, with groups, puts it into these and no
others. It is felt at once, by running streams too.`,
		Example: `  lading user groups bob
  lading user groups bob dev ops
  lading user groups bob --none`,
		RunE: run(func(ctx context.Context, s streams, args []string) error { return f.regroup(ctx, s, args[0], args[1:]) }),
	}
	cmd.Flags().BoolVar(&f.none, "none", false, "put it into no group")
	return cmd
}

// each is a command that does one thing to every account named, and says what
// it has done.
func (f *userFlags) each(name, short, long string, do func(ctx context.Context, subject string) (did string, err error)) *cobra.Command {
	return &cobra.Command{
		Use: name + " NAME...", Short: short, Args: cobra.MinimumNArgs(1), Long: long + accountHelp,
		Example:           "  lading user " + name + " bob\n  lading user " + name + " bob service:ci",
		ValidArgsFunction: completeArgs(f.accountNames),
		RunE: run(func(ctx context.Context, s streams, names []string) error {
			for _, name := range names {
				subject, err := subjectOf(name)
				if err != nil {
					return err
				}
				did, err := do(ctx, subject)
				if err != nil {
					return said(subject, err)
				}
				fmt.Fprintf(s.out, "%s %s\n", did, subject)
			}
			return nil
		}),
	}
}

// put changes an account.
func (f *userFlags) put(ctx context.Context, subject string, c lading.AccountChange, header http.Header) error {
	_, err := f.askAccounts(ctx, http.MethodPut, accountPath(subject), header, c, nil)
	return err
}

func (f *userFlags) remove(ctx context.Context, subject string) (string, error) {
	_, err := f.askAccounts(ctx, http.MethodDelete, accountPath(subject), nil, nil, nil)
	return "removed", err
}

// disabled changes only an account that is there: a misspelt name makes none.
func (f *userFlags) disabled(ctx context.Context, subject string, yes bool) error {
	if _, err := f.account(ctx, subject); err != nil {
		return err
	}
	return f.put(ctx, subject, lading.AccountChange{Disabled: &yes}, nil)
}

func (f *userFlags) account(ctx context.Context, subject string) (a lading.Account, err error) {
	_, err = f.askAccounts(ctx, http.MethodGet, accountPath(subject), nil, nil, &a)
	return a, err
}

func (f *userFlags) list(ctx context.Context, s streams) error {
	if err := f.form(); err != nil {
		return err
	}
	type page struct {
		Accounts []lading.Account `json:"accounts"`
	}
	all := page{Accounts: []lading.Account{}}
	if err := allPages(ctx, &f.ruleFlags, rulesAt+"accounts?n=1000", func(p page) { all.Accounts = append(all.Accounts, p.Accounts...) }); err != nil {
		return said(f.registry, err)
	}
	if f.output == "json" {
		return writeJSON(s.out, all)
	}
	t := newTable(s.out, "NAME", "GROUPS", "STATE", "CREATED", "BY")
	for _, a := range all.Accounts {
		t.row(a.Subject, strings.Join(a.Groups, ","), stateOf(a), age(f.env.Now(), a.Created), a.CreatedBy)
	}
	return t.flush()
}

// stateOf tells whether an account can sign in.
func stateOf(a lading.Account) string {
	switch {
	case a.Disabled:
		return "disabled"
	case !a.Password && strings.HasPrefix(a.Subject, "user:"):
		return "no password"
	}
	return "enabled"
}

func (f *userFlags) create(ctx context.Context, s streams, name string) error {
	subject, err := subjectOf(name)
	if err != nil {
		return err
	}
	groups := append([]string{}, f.groups...)
	c := lading.AccountChange{Groups: &groups}
	if strings.HasPrefix(subject, "user:") {
		password, err := passwordFrom(f.env, s, f.stdin, true, "Password of "+subject)
		if err != nil {
			return err
		}
		c.Password = &password
	} else if f.stdin {
		return usage("a service has no password: make a token for it with lading token create --for %s", subject)
	}
	if err := f.put(ctx, subject, c, http.Header{"If-None-Match": {"*"}}); err != nil {
		return said(subject, err)
	}
	_, err = fmt.Fprintf(s.out, "added %s\n", subject)
	return err
}

func (f *userFlags) change(ctx context.Context, s streams, names []string) error {
	me, err := f.whoAmI(ctx)
	if err != nil {
		return said(f.registry, err)
	}
	subject := me.Subject
	if len(names) > 0 {
		if subject, err = subjectOf(names[0]); err != nil {
			return err
		}
	}
	if _, err := f.account(ctx, subject); err != nil {
		return said(subject, err)
	}
	password, err := passwordFrom(f.env, s, f.stdin, true, "New password of "+subject)
	if err != nil {
		return err
	}
	if err := f.put(ctx, subject, lading.AccountChange{Password: &password}, nil); err != nil {
		return said(subject, err)
	}
	if subject == me.Subject {
		s.note("sign in again: lading login " + f.registry)
	}
	_, err = fmt.Fprintf(s.out, "changed the password of %s\n", subject)
	return err
}

func (f *userFlags) regroup(ctx context.Context, s streams, name string, groups []string) error {
	subject, err := subjectOf(name)
	if err != nil {
		return err
	}
	if f.none && len(groups) > 0 {
		return usage("--none, or groups: not both")
	}
	a, err := f.account(ctx, subject)
	if err != nil {
		return said(subject, err)
	}
	if f.none || len(groups) > 0 {
		a.Groups = append([]string{}, groups...)
		if err := f.put(ctx, subject, lading.AccountChange{Groups: &a.Groups}, nil); err != nil {
			return said(subject, err)
		}
	}
	for _, g := range a.Groups {
		fmt.Fprintln(s.out, clean(g))
	}
	return nil
}
