package httpapi

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/lading-dev/lading"
)

var atAudit = read(ActionAudit)

// auditOutcomes are the values of outcome.
var auditOutcomes = []string{lading.AuditAllowed, lading.AuditDenied, lading.AuditUnauthorized, lading.AuditLimited, lading.AuditRefused}

// auditParameters are the parameters of ActionAudit; set returns what is wrong
// with the value, or "".
var auditParameters = map[string]func(q *lading.AuditQuery, value string) string{
	"since":  auditTime(func(q *lading.AuditQuery) *time.Time { return &q.Since }),
	"until":  auditTime(func(q *lading.AuditQuery) *time.Time { return &q.Until }),
	"actor":  func(q *lading.AuditQuery, s string) string { q.Actor = s; return tooLong(s) },
	"action": func(q *lading.AuditQuery, s string) string { q.Action = s; return tooLong(s) },
	"outcome": func(q *lading.AuditQuery, s string) string {
		if q.Outcome = s; !slices.Contains(auditOutcomes, s) {
			return "want allowed, denied, unauthorized, limited, or refused for the last three"
		}
		return ""
	},
	"repository": func(q *lading.AuditQuery, s string) string { q.Repository = s; return notName(s) },
	"namespace":  func(q *lading.AuditQuery, s string) string { q.Namespace = s; return notName(s) },
	"order": func(q *lading.AuditQuery, s string) string {
		if q.Oldest = s == "oldest"; !q.Oldest && s != "newest" {
			return "want newest or oldest: which come first"
		}
		return ""
	},
	"after": func(q *lading.AuditQuery, s string) string { q.After = s; return tooLong(s) },
	"n": func(q *lading.AuditQuery, s string) string {
		n, err := strconv.Atoi(s)
		if q.N = n; err != nil || n < 1 || n > lading.MaxPage {
			return "want a whole number from 1 to " + strconv.Itoa(lading.MaxPage)
		}
		return ""
	},
}

func auditTime(field func(*lading.AuditQuery) *time.Time) func(*lading.AuditQuery, string) string {
	return func(q *lading.AuditQuery, s string) string {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || t.Year() < 1970 || t.Year() > 9999 {
			return "want a time as in RFC 3339, for example 2026-08-01T10:00:00Z (a + is written %2B)"
		}
		*field(q) = t.UTC()
		return ""
	}
}

func tooLong(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return "not printable"
		}
	}
	if len(s) > 255 {
		return "too long"
	}
	return ""
}

func notName(s string) string {
	if !validName(s) {
		return "not the name of a repository or a namespace"
	}
	return ""
}

// parseAudit understands the parameters of ActionAudit, all or none.
func (q *Request) parseAudit(v url.Values) error {
	q.Audit = &lading.AuditQuery{}
	for name, set := range auditParameters {
		value, err := one(v, name)
		if err != nil {
			return err
		}
		if !v.Has(name) {
			continue
		}
		if wrong := set(q.Audit, value); wrong != "" {
			return lading.InvalidParameter(name, "%s", wrong)
		}
		v.Del(name)
	}
	if q.Audit.Repository != "" && q.Audit.Namespace != "" {
		return lading.InvalidParameter("namespace", "not together with repository")
	}
	return noParameters(v)
}

// addAudit writes what parseAudit reads.
func addAudit(v url.Values, q *lading.AuditQuery) {
	for name, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			v.Set(name, t.Format(time.RFC3339Nano))
		}
	}
	for name, s := range map[string]string{"actor": q.Actor, "action": q.Action, "outcome": q.Outcome, "repository": q.Repository, "namespace": q.Namespace, "after": q.After} {
		set(v, name, s)
	}
	if q.Oldest {
		v.Set("order", "oldest")
	}
	if q.N > 0 {
		v.Set("n", strconv.Itoa(q.N))
	}
}

// audit answers with a page of records: an object, or a line for each. The
// Link leads to those that follow.
func (h *handler) audit(w *response, r *http.Request, q *Request) error {
	if h.opt.Audit == nil {
		return lading.ErrExtensionUnknown
	}
	page, err := h.opt.Audit.Audit(r.Context(), *q.Audit)
	if err != nil {
		return err
	}
	w.meter.Add(len(page.Records))
	head := w.Header()
	head.Set("Vary", "Authorization, Accept, Accept-Encoding")
	head.Set("Cache-Control", "no-store")
	if page.Next != "" {
		next := *q.Audit
		next.After = page.Next
		head.Set("Link", "<"+Request{Action: ActionAudit, Audit: &next}.URL()+`>; rel="next"`)
	}
	if negotiate(r.Header["Accept"], "") == formStream {
		return writeLines(w, page.Records)
	}
	writeJSON(w, http.StatusOK, "application/json", page)
	return nil
}

// addressOf is the client's address, without its port.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return lading.Printable(r.RemoteAddr, 64)
	}
	return host
}

// origin is what a record of a change says of the request.
func origin(head http.Header, r *http.Request) lading.Origin {
	return lading.Origin{RequestID: requestID(head, r), Address: addressOf(r), Agent: lading.Printable(r.UserAgent(), lading.MaxAgent)}
}

// changes tells whether a request of this method may change something.
func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead
}

// writeLines answers with a line for each record.
func writeLines(w *response, records []lading.AuditRecord) error {
	w.Header().Set("Content-Type", mediaTypeStream)
	w.WriteHeader(http.StatusOK)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, r := range records {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
