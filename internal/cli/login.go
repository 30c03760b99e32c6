package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/lading-dev/lading"
)

// loginFlags are the flags of lading login and logout.
type loginFlags struct {
	conn  connFlags
	env   Env
	user  string
	stdin bool
}

func loginCommand(env Env) *cobra.Command {
	f := &loginFlags{env: env}
	cmd := &cobra.Command{
		Use:   "login [HOST]",
		Short: "Sign in to a registry",
		Long: `Signs in to a registry, and keeps the password, or API token, in the Docker
configuration, or with the helper that it names: lading, docker, oras, helm and
others then find it there. The password is asked for, or read of the standard
input.` + registryHelp + exitHelp,
		Example: `  lading login registry.example.com
  lading login registry.example.com --username bob --password-stdin < token
  lading login 127.0.0.1:5000 --username admin --password-stdin < lading-data/initial-admin-password`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: run(func(ctx context.Context, s streams, args []string) error { return f.login(ctx, s, args) }),
	}
	f.conn.add(cmd)
	cmd.Flags().StringVarP(&f.user, "username", "u", "", "the `NAME` to sign in with; of a token it can be any")
	cmd.Flags().BoolVar(&f.stdin, "password-stdin", false, "read the password, or token, of the standard input")
	return cmd
}

func logoutCommand(env Env) *cobra.Command {
	f := &loginFlags{env: env}
	cmd := &cobra.Command{
		Use:   "logout [HOST]",
		Short: "Forget how to sign in to a registry",
		Long: `Forgets what lading login, or docker login, has kept for a registry. A token is
good all the same until it is revoked with lading token rm. The registry is not
asked.` + exitHelp,
		Example: `  lading logout registry.example.com`,
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: run(func(ctx context.Context, s streams, args []string) error { return f.logout(ctx, s, args) }),
	}
	return cmd
}

// place is the registry that is meant.
func (f *loginFlags) place(args []string) (place, error) {
	host := f.env.Registry
	if len(args) > 0 {
		host = args[0]
	}
	p, err := parsePlace(host)
	if err == nil && p.path != "" {
		err = usage("%q: name the registry alone", host)
	}
	return p, err
}

// docker is the Docker configuration with its helpers.
func docker() (*credentials.DynamicStore, error) {
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{AllowPlaintextPut: true})
	if err != nil {
		return nil, fmt.Errorf("read the docker configuration: %w", err)
	}
	return store, nil
}

func (f *loginFlags) login(ctx context.Context, s streams, args []string) error {
	p, err := f.place(args)
	if err != nil {
		return err
	}
	store, err := docker()
	if err != nil {
		return err
	}
	c, err := f.conn.dial(p)
	if err != nil {
		return err
	}
	reg, err := c.registry()
	if err != nil {
		return err
	}
	cred, err := f.credential(s, p.host)
	if err != nil {
		return err
	}
	if err := credentials.Login(ctx, store, reg, cred); err != nil {
		return said(p.host, err)
	}
	_, err = fmt.Fprintf(s.out, "signed in to %s as %s\n", p.host, clean(cred.Username))
	return err
}

// credential asks for what is not said.
func (f *loginFlags) credential(s streams, host string) (cred auth.Credential, err error) {
	cred.Username = f.user
	if cred.Username == "" && f.stdin {
		return cred, usage("--password-stdin wants --username: of a token it can be any")
	}
	if cred.Username == "" {
		if !f.env.Terminal(s.in) {
			return cred, usage("nobody is there to type a name and a password: write --username and --password-stdin")
		}
		if cred.Username, err = asked(s, "User name: "); err != nil {
			return cred, err
		}
	}
	if cred.Username == "" || strings.Contains(cred.Username, ":") {
		return cred, usage("%q cannot be signed in with: a name has no colon", cred.Username)
	}
	cred.Password, err = passwordFrom(f.env, s, f.stdin, false, "Password, or token, for "+host)
	if err == nil && cred.Password == "" {
		err = usage("there is no password")
	}
	return cred, err
}

func (f *loginFlags) logout(ctx context.Context, s streams, args []string) error {
	p, err := f.place(args)
	if err != nil {
		return err
	}
	store, err := docker()
	if err != nil {
		return err
	}
	if err := credentials.Logout(ctx, store, p.host); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "signed out of %s\n", p.host)
	return err
}

func whoamiCommand(env Env) *cobra.Command {
	f := &ruleFlags{}
	cmd := &cobra.Command{
		Use:   "whoami [HOST]",
		Short: "Tell who the registry takes you for, and what you may do",
		Long: `Tells who a registry takes you for, your groups, what you have signed in with,
and what rules let you do. Ends with 4 where you are not signed in.` + registryHelp + exitHelp,
		Example: `  lading whoami registry.example.com
  lading whoami -o json`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: run(func(ctx context.Context, s streams, args []string) error {
			if f.registry = env.Registry; len(args) > 0 {
				f.registry = args[0]
			}
			return f.tellWho(ctx, s)
		}),
	}
	f.conn.add(cmd)
	f.addOutput(cmd)
	return cmd
}

func (f *ruleFlags) tellWho(ctx context.Context, s streams) error {
	if err := f.form(); err != nil {
		return err
	}
	w, err := f.whoAmI(ctx)
	if errors.Is(err, auth.ErrBasicCredentialNotFound) {
		return &Failure{fmt.Errorf("%s: nobody: sign in with lading login", f.registry), ExitDenied}
	}
	if err != nil {
		return said(f.registry, err)
	}
	if f.output == "json" {
		return writeJSON(s.out, w)
	}
	return writeWho(s, w)
}

func writeWho(s streams, w lading.WhoAmI) error {
	t := newFields(s.out, 2)
	t.row("subject", w.Subject)
	t.row("groups", strings.Join(w.Groups, ", "))
	t.row("signed in with", signedInWith(w))
	if w.Limited {
		scopes := strings.Join(w.Scopes, "; ")
		if scopes == "" {
			scopes = "a part of what follows"
		}
		t.row("limited to", scopes)
	}
	for _, m := range w.May {
		t.row("may", m.Verbs.String()+" "+m.Scope+" ("+m.Subject+")")
	}
	return t.flush()
}

func signedInWith(w lading.WhoAmI) string {
	text := w.Credential
	if text == "" {
		text = "password"
	}
	if !w.Expires.IsZero() {
		text += ", until " + w.Expires.UTC().Format("2006-01-02 15:04 MST")
	}
	return text
}
