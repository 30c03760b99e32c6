package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading"
)

// auditFlags are the flags of lading audit.
type auditFlags struct {
	ruleFlags
	since, until    string
	actor, action   string
	repo, namespace string
	denied, follow  bool
	limit           int
	every           time.Duration
	now             func() time.Time
	after           string // of the page before
}

const auditAt = "/v2/_lading/audit?"

func auditCommand(env Env) *cobra.Command {
	f := &auditFlags{now: env.Now}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Tell who did what, and what was refused",
		Long: `Tells who did what in a registry, from where and with which credential:
changes, refusals and signing in, and pulls where the registry has them on
record. Whoever may audit a part of it is told of that part. The newest come
first; with --follow, what happens from now on, as it does.

A TIME is a duration before now, such as 90m, 24h or 7d, or a time as in RFC
3339. Equal refusals within a minute are told together, with their number.` + signInHelp + exitHelp,
		Example: `  lading audit --since 24h --denied
  lading audit --actor user:bob --repo acme/web
  lading audit --follow -o ndjson >> audit.ndjson`,
		Args: cobra.NoArgs,
		RunE: run(func(ctx context.Context, s streams, _ []string) error { return f.run(ctx, s) }),
	}
	f.conn.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.registry, "registry", env.Registry, "`HOST` of the registry, or http://HOST or https://HOST")
	fl.StringVar(&f.since, "since", "", "only what was recorded from `TIME` on")
	fl.StringVar(&f.until, "until", "", "only what was recorded before `TIME`")
	fl.StringVar(&f.actor, "actor", "", "only what was done by `WHO`, such as user:bob")
	fl.StringVar(&f.action, "action", "", "only this `ACTION`, such as manifest_put or tag_delete")
	fl.StringVar(&f.repo, "repo", "", "only what was done to this `REPOSITORY`")
	fl.StringVar(&f.namespace, "namespace", "", "only what was done to `NAMESPACE` and all below it")
	fl.BoolVar(&f.denied, "denied", false, "only what was refused")
	fl.BoolVar(&f.follow, "follow", false, "go on with what happens, the oldest first, until it is stopped")
	fl.IntVarP(&f.limit, "limit", "n", 100, "tell no more than so `MANY`; 0: all")
	fl.StringVarP(&f.output, "output", "o", "text", "`FORM` of the answer: text, json or ndjson")
	fl.DurationVar(&f.every, "interval", 2*time.Second, "look every `TIME`, with --follow")
	completeFlag(cmd, "output", words("text", "json", "ndjson"))
	completeFlag(cmd, "actor", f.actors)
	completeFlag(cmd, "repo", f.repositories)
	return cmd
}

func (f *auditFlags) run(ctx context.Context, s streams) error {
	switch {
	case f.output != "text" && f.output != "json" && f.output != "ndjson":
		return usage("--output %q: write text, json or ndjson", f.output)
	case f.follow && f.output == "json":
		return usage("--follow never ends: write -o ndjson or text")
	case f.repo != "" && f.namespace != "":
		return usage("--repo and --namespace: write one of them")
	case f.limit < 0 || f.every <= 0:
		return usage("--limit and --interval are not negative")
	}
	v, err := f.query()
	if err != nil {
		return err
	}
	p := &recordPrinter{s: s, form: f.output, table: newTable(s.out, "TIME", "WHO", "ACTION", "WHAT", "OUTCOME", "FROM")}
	if f.follow {
		return f.goOn(ctx, v, p)
	}
	return f.list(ctx, v, p)
}

// query is what is asked for.
func (f *auditFlags) query() (url.Values, error) {
	v := url.Values{}
	since := f.since
	if f.follow && since == "" {
		since = "0s"
	}
	for name, text := range map[string]string{"since": since, "until": f.until} {
		if text == "" {
			continue
		}
		t, err := timeOf(text, f.now())
		if err != nil {
			return nil, usage("--%s %q: write a duration such as 90m, 24h or 7d, or a time such as 2026-08-01T10:00:00Z", name, text)
		}
		v.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
	for name, text := range map[string]string{"actor": f.actor, "action": f.action, "repository": f.repo, "namespace": f.namespace} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if f.denied {
		v.Set("outcome", lading.AuditRefused)
	}
	return v, nil
}

// timeOf is a time, or one so long ago.
func timeOf(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Parse(time.RFC3339Nano, text)
}

// page asks for one page and moves on behind it.
func (f *auditFlags) page(ctx context.Context, v url.Values) (page lading.AuditPage, err error) {
	if f.after != "" {
		v.Set("after", f.after)
	}
	if _, err := f.askAccounts(ctx, http.MethodGet, auditAt+v.Encode(), nil, nil, &page); err != nil {
		return page, said(f.registry, err)
	}
	if page.Next != "" {
		f.after = page.Next
	}
	return page, nil
}

// list writes the newest.
func (f *auditFlags) list(ctx context.Context, v url.Values, p *recordPrinter) error {
	for left := f.limit; ; {
		n := lading.MaxPage
		if f.limit > 0 {
			n = min(n, left)
		}
		v.Set("n", strconv.Itoa(n))
		page, err := f.page(ctx, v)
		if err != nil {
			return err
		}
		if err := p.write(page.Records); err != nil {
			return err
		}
		if left -= len(page.Records); !page.More || f.limit > 0 && left <= 0 {
			return p.end()
		}
	}
}

// goOn writes what happens until it is stopped.
func (f *auditFlags) goOn(ctx context.Context, v url.Values, p *recordPrinter) error {
	v.Set("order", "oldest")
	v.Set("n", strconv.Itoa(lading.MaxPage))
	for {
		page, err := f.page(ctx, v)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (f.after == "" || !passes(err)):
			return err
		case err != nil:
			p.s.note(fmt.Sprintf("%v; tries again", err))
		default:
			if err := p.write(page.Records); err != nil {
				return err
			}
		}
		if !page.More && sleep(ctx, f.every) != nil {
			return nil
		}
	}
}

// recordPrinter writes records.
type recordPrinter struct {
	s     streams
	form  string
	table *table
	all   []lading.AuditRecord // of the form json
}

func (p *recordPrinter) write(records []lading.AuditRecord) error {
	switch p.form {
	case "json":
		p.all = append(p.all, records...)
		return nil
	case "ndjson":
		for _, r := range records {
			b, err := json.Marshal(r)
			if err != nil {
				return err
			}
			if _, err := p.s.out.Write(append(b, '\n')); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range records {
		p.table.row(r.Time.UTC().Format(time.RFC3339), who(r), r.Action, doneTo(r), outcome(r), r.Address)
	}
	return p.table.flush()
}

func (p *recordPrinter) end() error {
	if p.form != "json" {
		return nil
	}
	if p.all == nil {
		p.all = []lading.AuditRecord{}
	}
	return writeJSON(p.s.out, map[string]any{"records": p.all})
}

// who is who it was, with the credential that was shown.
func who(r lading.AuditRecord) string {
	switch {
	case r.Actor == "" && r.Claimed != "":
		return "(" + r.Claimed + ")"
	case r.Actor == "":
		return ""
	case r.Credential != "":
		return r.Actor + " by " + r.Credential
	}
	return r.Actor
}

// doneTo is what it was done to.
func doneTo(r lading.AuditRecord) string {
	text := r.Repository
	switch {
	case len(r.Tags) == 1:
		text += ":" + r.Tags[0]
	case len(r.Tags) > 1:
		text += fmt.Sprintf(":%s and %d more", r.Tags[0], len(r.Tags)-1)
	case r.Digest != "":
		text += "@" + string(r.Digest)
	}
	if r.Detail != "" {
		text = strings.TrimSpace(text + " " + r.Detail)
	}
	return text
}

func outcome(r lading.AuditRecord) string {
	if r.Count > 1 {
		return fmt.Sprintf("%s x%d", r.Outcome, r.Count)
	}
	return r.Outcome
}
