package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/guard"
	"github.com/lading-dev/lading/internal/httpapi"
)

// auditor puts on record what was asked for and changed nothing: what was
// refused, signing in, and pulls where that is wanted. Changes are put on
// record by what makes them.
type auditor struct {
	store    *audit.Store
	refusals *audit.Recorder
	pulls    *audit.Recorder // nil where pulls are not on record
	file     *audit.File     // nil where records are written to none
}

// openAudit begins to record, and makes an observer of it.
func (s *Server) openAudit(cfg config.Config, opt Options) (err error) {
	a := &auditor{store: audit.NewStore(s.db, opt.Now), refusals: audit.NewRecorder(s.db, audit.Refusals, opt.Now, s.log)}
	if cfg.Audit.Pulls {
		a.pulls = audit.NewRecorder(s.db, audit.Pulls, opt.Now, s.log)
	}
	if cfg.Audit.File != "" {
		if err := s.openRecordsFile(a, cfg.Audit.File, opt); err != nil {
			return err
		}
	}
	s.background(a.refusals.Run)
	s.background(func(ctx context.Context) { a.store.Run(ctx, s.log) })
	if a.pulls != nil {
		s.background(a.pulls.Run)
	}
	s.audit = a
	s.watch.observers = append(s.watch.observers, a)
	if s.watch.metrics != nil {
		a.count(s.watch.metrics)
		a.countFile(s.watch)
	}
	return nil
}

// records are what the API shows of it.
func (a *auditor) records(access guard.Access) lading.Auditor {
	return guard.NewAudit(a.store, access)
}

// FlushAudit writes the records that wait to be written, for tests.
func (s *Server) FlushAudit(ctx context.Context) error { return s.audit.flush(ctx) }

// flush writes what waits to be written.
func (a *auditor) flush(ctx context.Context) error {
	err := a.refusals.Flush(ctx)
	if a.pulls != nil {
		err = errors.Join(err, a.pulls.Flush(ctx))
	}
	if a.file == nil {
		return err
	}
	_, failed := a.store.Index(ctx)
	return errors.Join(err, failed)
}

// count registers figures of what was recorded.
func (a *auditor) count(reg prometheus.Registerer) {
	each := func(name, help string, value func(audit.RecorderStats) int64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 {
			n := value(a.refusals.Stats())
			if a.pulls != nil {
				n += value(a.pulls.Stats())
			}
			return float64(n)
		}))
	}
	each("lading_audit_events_total", "Refusals, sign-ins and, where they are on record, pulls.", func(s audit.RecorderStats) int64 { return s.Told })
	each("lading_audit_records_total", "Records written of these: equal events are counted in one.", func(s audit.RecorderStats) int64 { return s.Written })
	each("lading_audit_folded_total", "Events that were counted with others that were not equal, because there were too many.", func(s audit.RecorderStats) int64 { return s.Folded })
	each("lading_audit_failed_total", "Times that records could not be written; they are written later.", func(s audit.RecorderStats) int64 { return s.Failed })
}

// Begin implements httpapi.Observer.
func (a *auditor) Begin() {}

// End implements httpapi.Observer.
func (a *auditor) End(r *http.Request, x httpapi.Exchange) {
	switch outcome := outcomeOf(r, x); {
	case outcome == "":
	case outcome != lading.AuditAllowed:
		a.refusals.Record(recordOf(r, x, outcome))
	case signsIn(x):
		rec := recordOf(r, x, outcome)
		rec.Action = "sign_in"
		a.refusals.Record(rec)
	case a.pulls != nil && pulls(x.Action):
		a.pulls.Record(recordOf(r, x, outcome))
	}
}

// outcomeOf is what became of a request; empty where that is nothing for the
// record: what was not found, what was wrong, and what nobody signed in for
// before the registry had asked.
func outcomeOf(r *http.Request, x httpapi.Exchange) string {
	switch {
	case x.Status == http.StatusUnauthorized:
		if x.Action == httpapi.ActionBase && r.Header.Get("Authorization") == "" {
			return ""
		}
		return lading.AuditUnauthorized
	case x.Refused:
		return lading.AuditDenied
	case x.Status == http.StatusTooManyRequests:
		return lading.AuditLimited
	case x.Status >= 200 && x.Status < 400:
		return lading.AuditAllowed
	}
	return ""
}

// signsIn tells whether a request is how clients begin that have signed in.
func signsIn(x httpapi.Exchange) bool {
	switch x.Action {
	case httpapi.ActionBase, httpapi.ActionToken, httpapi.ActionTokenGrant:
		return x.Subject != ""
	}
	return false
}

// pulls tells whether content is read by name.
func pulls(a httpapi.Action) bool {
	switch a {
	case httpapi.ActionManifestGet, httpapi.ActionManifestHead, httpapi.ActionBlobGet, httpapi.ActionBlobHead:
		return true
	}
	return false
}

// recordOf is the record of a request.
func recordOf(r *http.Request, x httpapi.Exchange, outcome string) lading.AuditRecord {
	rec := lading.AuditRecord{Time: x.Began.UTC(), Count: 1, Action: x.Action.String(), Outcome: outcome,
		Actor: x.Subject, Groups: audit.Groups(x.Groups), Credential: x.Credential, Address: host(r.RemoteAddr), Agent: lading.Printable(r.UserAgent(), lading.MaxAgent),
		RequestID: x.ID, Repository: x.Repository, Digest: x.Reference.Digest}
	if x.Digest != "" {
		rec.Digest = x.Digest
	}
	if outcome != lading.AuditAllowed {
		rec.Status, rec.Code = x.Status, x.Code
	}
	if x.Reference.Tag != "" {
		rec.Tags = []string{x.Reference.Tag}
		if x.Action == httpapi.ActionManifestDelete {
			rec.Action = "tag_delete"
		}
	}
	if x.Subject == "" && outcome == lading.AuditUnauthorized {
		rec.Claimed = claimed(r)
	}
	return rec
}

// claimed is the name that somebody tried to sign in with. What looks as if it
// were a secret in the wrong place is not repeated.
func claimed(r *http.Request) string {
	name, _, ok := r.BasicAuth()
	if !ok || len(name) > 64 || strings.HasPrefix(name, "lading_") || lading.CheckSubject("user:"+name) != nil {
		return ""
	}
	return "user:" + name
}

func host(addr string) string {
	if h, _, err := net.SplitHostPort(addr); err == nil {
		return h
	}
	return lading.Printable(addr, 64)
}
