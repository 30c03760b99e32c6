package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// ruleFlags are the flags of lading grant and lading access.
type ruleFlags struct {
	conn     connFlags
	registry string
	id       string
	groups   []string
	output   string
}

const rulesAt = "/v2/_lading/access/"

// rulesHelp tells what a rule is made of.
const rulesHelp = `

A rule says who may do what and where:

  SUBJECT  user:NAME, service:NAME, group:NAME, authenticated (who is signed
           in) or anonymous (everyone)
  VERBS    some of list, pull, push, retag, delete, admin, audit, separated by
           commas; reader is list,pull, writer also push and retag, owner also
           delete
  SCOPE    registry, namespace:NAME (that repository and all below it),
           repository:NAME or prefix:TEXT (all names that begin so)`

// signInHelp tells where credentials and certificates come from.
const signInHelp = `

Credentials are those of the Docker configuration and its helpers, certificates
those for HOST in the certs.d directories of podman and docker.`

// group is a command that only has others below it, with the flags of all.
func (f *ruleFlags) group(env Env, cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	f.conn.addBelow(cmd)
	cmd.PersistentFlags().StringVar(&f.registry, "registry", env.Registry, "`HOST` of the registry, or http://HOST or https://HOST")
	return cmd
}

// addBelow adds commands to one that only has others below it, and what is to
// be said of all of them to their help.
func addBelow(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	for _, c := range below {
		c.Long += exitHelp
	}
	cmd.AddCommand(below...)
	return cmd
}

func grantCommand(env Env) *cobra.Command {
	f := &ruleFlags{}
	cmd := f.group(env, &cobra.Command{
		Use:   "grant",
		Short: "Look at and change who may do what",
		Long: `Looks at and changes the rules of access of a registry. Whoever administers a
part of it sees and changes the rules of that part. Rules of the registry's
configuration are shown and can be changed there alone.` + rulesHelp + signInHelp + exitHelp,
		Example: `  lading grant ls
  lading grant add user:ci push,retag namespace:acme
  lading grant rm user-ci-namespace-acme-1a2b3c`,
	})
	ls := &cobra.Command{
		Use: "ls", Short: "List the rules", Args: cobra.NoArgs,
		Long: `Lists the rules of the parts that you administer, and where each comes from.`,
		Example: `  lading grant ls
  lading grant ls --registry registry.example.com -o json`,
		RunE: run(func(ctx context.Context, s streams, _ []string) error { return f.list(ctx, s) }),
	}
	f.addOutput(ls)
	add := &cobra.Command{
		Use: "add SUBJECT VERBS SCOPE", Short: "Let somebody do something", Args: cobra.ExactArgs(3),
		ValidArgsFunction: completeArgs(f.subjects, verbs, f.scopes, nil),
		Long: `Lets somebody do something, from when the command has ended on. A rule for the
same subject and scope, added the same way, is replaced.` + rulesHelp,
		Example: `  lading grant add user:bob writer namespace:acme
  lading grant add group:dev push,retag repository:acme/web
  lading grant add anonymous pull prefix:public/`,
		RunE: run(func(ctx context.Context, s streams, args []string) error { return f.add(ctx, s, args) }),
	}
	add.Flags().StringVar(&f.id, "id", "", "the `ID` of the rule (default: made of the subject and the scope)")
	rm := &cobra.Command{
		Use: "rm ID...", Short: "Remove rules", Args: cobra.MinimumNArgs(1),
		Long:              `Removes rules by their ids, which lading grant ls shows.`,
		Example:           `  lading grant rm user-bob-namespace-acme-1a2b3c`,
		ValidArgsFunction: completeArgs(f.ruleIDs),
		RunE:              run(func(ctx context.Context, s streams, args []string) error { return f.remove(ctx, s, args) }),
	}
	return addBelow(cmd, ls, add, rm)
}

func accessCommand(env Env) *cobra.Command {
	f := &ruleFlags{}
	cmd := f.group(env, &cobra.Command{
		Use:   "access",
		Short: "Tell why somebody may, or may not, do something",
		Long:  `Tells which rules let somebody do something in a repository.` + signInHelp + exitHelp,
		Example: `  lading access explain ada push acme/web
  lading access explain anonymous pull acme/web`,
	})
	explain := &cobra.Command{
		Use: "explain USER VERB REPOSITORY", Short: "Tell which rule decides", Args: cobra.ExactArgs(3),
		ValidArgsFunction: completeArgs(f.accountNames, verb, f.repositories, nil),
		Long: `Tells which rules let a user do something in a repository. USER is the name of a
user, user:NAME, service:NAME or anonymous; VERB is list, pull, push, retag,
delete, admin or audit. Ends with 4 when it may not be done.`,
		Example: `  lading access explain bob push acme/web
  lading access explain service:ci pull acme/web --group dev
  lading access explain anonymous pull acme/web -o json`,
		RunE: run(func(ctx context.Context, s streams, args []string) error { return f.explain(ctx, s, args) }),
	}
	explain.Flags().StringArrayVar(&f.groups, "group", nil, "a `GROUP` that the user is in; may be repeated (default: those of the account)")
	completeFlag(explain, "group", f.groupNames)
	f.addOutput(explain)
	return addBelow(cmd, explain)
}

// ask sends a request about rules, with a body unless that is nil.
func (f *ruleFlags) ask(ctx context.Context, method, path string, body []byte, out any) error {
	var raw any
	if body != nil {
		raw = json.RawMessage(body)
	}
	_, err := f.askAccounts(ctx, method, rulesAt+path, nil, raw, out)
	return err
}

// addOutput adds the flag for the form of the answer.
func (f *ruleFlags) addOutput(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "`FORM` of the answer: text or json")
	completeFlag(cmd, "output", words("text", "json"))
}

// form checks the form of the answer.
func (f *ruleFlags) form() error {
	if f.output != "text" && f.output != "json" {
		return usage("--output %q: write text or json", f.output)
	}
	return nil
}

func (f *ruleFlags) list(ctx context.Context, s streams) error {
	if err := f.form(); err != nil {
		return err
	}
	var all struct {
		Rules []lading.AccessRule `json:"rules"`
	}
	if err := f.ask(ctx, http.MethodGet, "rules", nil, &all); err != nil {
		return said(f.registry, err)
	}
	if f.output == "json" {
		return writeJSON(s.out, all)
	}
	return writeRules(s, all.Rules)
}

func writeRules(s streams, rules []lading.AccessRule) error {
	t := newTable(s.out, "ID", "SUBJECT", "VERBS", "SCOPE", "SOURCE")
	for _, r := range rules {
		t.row(r.ID, r.Subject, r.Verbs.String(), r.Scope, r.Source)
	}
	return t.flush()
}

func (f *ruleFlags) add(ctx context.Context, s streams, args []string) error {
	r, err := lading.ParseAccessRule(strings.Join(args, " "))
	if err != nil {
		return usage("%v", err)
	}
	if r.ID = f.id; r.ID == "" {
		r.ID = ruleID(r)
	} else if !lading.ValidRuleID(r.ID) {
		return usage("--id %q: an id is of lower-case letters and digits, in parts joined by single dashes, and at most 64 long", r.ID)
	}
	if err := f.keepsAdmin(ctx, r); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"subject": r.Subject, "scope": r.Scope, "verbs": r.Verbs})
	if err != nil {
		return err
	}
	if err := f.ask(ctx, http.MethodPut, "rules/"+r.ID, body, nil); err != nil {
		return said(r.ID, err)
	}
	_, err = fmt.Fprintf(s.out, "%s: %s\n", r.ID, r)
	return err
}

// keepsAdmin refuses to replace a rule that gives admin by one that does not:
// who meant to add a verb to his own rule could not take that back.
func (f *ruleFlags) keepsAdmin(ctx context.Context, r lading.AccessRule) error {
	var old lading.AccessRule
	err := f.ask(ctx, http.MethodGet, "rules/"+r.ID, nil, &old)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return said(r.ID, err)
	}
	if old.Verbs.Has(lading.VerbAdmin) && !r.Verbs.Has(lading.VerbAdmin) {
		return fmt.Errorf("%s lets %s administer %s (%s), which this would end: name admin among the verbs, or take the rule away first with lading grant rm %s",
			r.ID, old.Subject, old.Scope, old.Verbs, r.ID)
	}
	return nil
}

// ruleID is a name for a rule: what of subject and scope can stand in one, and
// a part of their digest, so that no two have the same.
func ruleID(r lading.AccessRule) string {
	words := strings.FieldsFunc(strings.ToLower(r.Subject+"-"+r.Scope), func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') })
	text := strings.Join(words, "-")
	sum := sha256.Sum256([]byte(r.Subject + " " + r.Scope))
	return strings.TrimSuffix(text[:min(len(text), 50)], "-") + "-" + hex.EncodeToString(sum[:3])
}

func (f *ruleFlags) remove(ctx context.Context, s streams, ids []string) error {
	for _, id := range ids {
		if !lading.ValidRuleID(id) {
			return usage("%q is not the id of a rule", id)
		}
		if err := f.ask(ctx, http.MethodDelete, "rules/"+id, nil, nil); err != nil {
			return said(id, err)
		}
		fmt.Fprintf(s.out, "removed %s\n", id)
	}
	return nil
}

func (f *ruleFlags) explain(ctx context.Context, s streams, args []string) error {
	if err := f.form(); err != nil {
		return err
	}
	subject, verb, repo := args[0], args[1], args[2]
	if subject != lading.SubjectAnonymous && !strings.Contains(subject, ":") {
		subject = "user:" + subject
	}
	v := url.Values{"subject": {subject}, "verb": {verb}, "repository": {repo}}
	if len(f.groups) > 0 {
		v["group"] = f.groups
	}
	var d lading.AccessDecision
	if err := f.ask(ctx, http.MethodGet, "explain?"+v.Encode(), nil, &d); err != nil {
		return said(f.registry, err)
	}
	if f.output == "json" {
		if err := writeJSON(s.out, d); err != nil {
			return err
		}
	} else if d.Allowed {
		fmt.Fprintf(s.out, "%s may %s in %s, by:\n", d.Subject, d.Verb, d.Repository)
		if err := writeRules(s, d.Rules); err != nil {
			return err
		}
	}
	if !d.Allowed {
		hint := ""
		if d.Subject != args[0] {
			hint = fmt.Sprintf(" (if it is a service: service:%s)", args[0])
		}
		return &Failure{fmt.Errorf("%s may not %s in %s: no rule says so%s", d.Subject, d.Verb, d.Repository, hint), ExitDenied}
	}
	return nil
}
