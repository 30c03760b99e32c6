package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/lading-dev/lading"
)

// Accounts are who can sign in, and their tokens, behind a guard.
type Accounts interface {
	// Accounts returns up to n accounts by subject, behind one.
	//
	// Errors: UNAUTHORIZED, DENIED.
	Accounts(ctx context.Context, last string, n int) ([]lading.Account, error)
	// Account returns one.
	//
	// Errors: UNAUTHORIZED, DENIED, ACCOUNT_UNKNOWN.
	Account(ctx context.Context, subject string) (lading.Account, error)
	// PutAccount makes an account, or changes it, and tells whether there was
	// none.
	//
	// Errors: UNAUTHORIZED, DENIED, ACCOUNT_INVALID, PRECONDITION_FAILED,
	// CONFLICT, TOOMANYREQUESTS.
	PutAccount(ctx context.Context, subject string, c lading.AccountChange, mustBeNew bool) (created bool, err error)
	// DeleteAccount removes one with its tokens.
	//
	// Errors: UNAUTHORIZED, DENIED, ACCOUNT_UNKNOWN, CONFLICT.
	DeleteAccount(ctx context.Context, subject string) error
	// Tokens returns up to n tokens by id, behind one: of an owner, or where
	// that is empty all that the caller may see.
	//
	// Errors: UNAUTHORIZED, DENIED.
	Tokens(ctx context.Context, owner, last string, n int) ([]lading.APIToken, error)
	// APIToken returns one.
	//
	// Errors: UNAUTHORIZED, TOKEN_UNKNOWN.
	APIToken(ctx context.Context, id string) (lading.APIToken, error)
	// CreateToken makes a token, whose text is returned this once.
	//
	// Errors: UNAUTHORIZED, DENIED, TOKEN_INVALID, ACCOUNT_UNKNOWN, CONFLICT.
	CreateToken(ctx context.Context, in lading.NewAPIToken) (text string, t lading.APIToken, err error)
	// DeleteToken revokes one.
	//
	// Errors: UNAUTHORIZED, TOKEN_UNKNOWN.
	DeleteToken(ctx context.Context, id string) error
}

// Bounds of the requests about accounts.
const (
	maxAccountBody = 64 << 10
	maxAccounts    = 1000 // in a page
	accountsPage   = 100  // without n
)

// AccountQuery is a question about accounts, tokens or sessions.
type AccountQuery struct {
	Subject string // of an account
	Token   string // the id of one, or of a session
	Owner   string // whose tokens or sessions
}

var (
	atWhoAmI   = read(ActionWhoAmI)
	atAccounts = read(ActionAccounts)
	atAccount  = []methodAction{
		{http.MethodGet, ActionAccountGet}, {http.MethodHead, ActionAccountGet},
		{http.MethodPut, ActionAccountPut}, {http.MethodDelete, ActionAccountDelete},
	}
	atAPITokens = []methodAction{
		{http.MethodGet, ActionAPITokens}, {http.MethodHead, ActionAPITokens}, {http.MethodPost, ActionAPITokenCreate},
	}
	atAPIToken = []methodAction{
		{http.MethodGet, ActionAPITokenGet}, {http.MethodHead, ActionAPITokenGet}, {http.MethodDelete, ActionAPITokenDelete},
	}
	apiTokenID = regexp.MustCompile(`^[a-z0-9]{1,64}$`)
)

// routeAccounts finds the endpoints of accounts below _lading/access/.
func routeAccounts(rest string) (at endpoint, q Request, ok bool, err error) {
	switch rest {
	case "whoami":
		return endpoint{methods: atWhoAmI}, q, true, nil
	case "accounts":
		return endpoint{methods: atAccounts}, q, true, nil
	case "tokens":
		return endpoint{methods: atAPITokens}, q, true, nil
	case "sessions":
		return endpoint{methods: atSessions}, q, true, nil
	}
	if id, ok := strings.CutPrefix(rest, "sessions/"); ok {
		q.Accounts.Token = id
		return endpoint{methods: atSession}, q, true, checkSession(id)
	}
	if subject, ok := strings.CutPrefix(rest, "accounts/"); ok {
		if err := lading.CheckAccount(subject); err != nil {
			return at, q, true, lading.ErrAccountInvalid.With("%s", err)
		}
		q.Accounts.Subject = subject
		return endpoint{methods: atAccount}, q, true, nil
	}
	if id, ok := strings.CutPrefix(rest, "tokens/"); ok {
		if !apiTokenID.MatchString(id) {
			return at, q, true, lading.ErrTokenUnknown
		}
		q.Accounts.Token = id
		return endpoint{methods: atAPIToken}, q, true, nil
	}
	return at, q, false, nil
}

// path is behind _lading/access/.
func (a AccountQuery) path(action Action) string {
	switch action {
	case ActionWhoAmI:
		return "whoami"
	case ActionAccounts:
		return "accounts"
	case ActionAccountGet, ActionAccountPut, ActionAccountDelete:
		return "accounts/" + a.Subject
	case ActionAPITokens, ActionAPITokenCreate:
		return "tokens"
	case ActionSessions, ActionSessionsEnd:
		return "sessions"
	case ActionSessionGet, ActionSessionEnd:
		return "sessions/" + a.Token
	}
	return "tokens/" + a.Token
}

// parseAccounts understands n, last and, of tokens, owner.
func (q *Request) parseAccounts(v url.Values) error {
	if q.Action != ActionAccounts && q.Action != ActionAPITokens {
		return noParameters(v)
	}
	if q.Action == ActionAPITokens {
		owner, err := one(v, "owner")
		if err != nil {
			return err
		}
		if owner != "" && lading.CheckAccount(owner) != nil {
			return lading.InvalidParameter("owner", "want user:NAME or service:NAME")
		}
		q.Accounts.Owner = owner
		v.Del("owner")
	}
	return q.parseAccountsPage(v)
}

// parseAccountsPage understands n and last, and nothing else.
func (q *Request) parseAccountsPage(v url.Values) error {
	page := url.Values{}
	for _, name := range []string{"n", "last"} {
		if v.Has(name) {
			page[name] = v[name]
			v.Del(name)
		}
	}
	if err := q.parsePage(page, maxAccounts); err != nil {
		return err
	}
	return noParameters(v)
}

// accounts answers everything about accounts and tokens.
func (h *handler) accounts(w *response, r *http.Request, q *Request) error {
	w.Header().Set("Cache-Control", "no-store")
	a, ctx := h.opt.Accounts, r.Context()
	if q.Action == ActionWhoAmI && h.opt.WhoAmI != nil {
		return answerOne(w)(h.opt.WhoAmI(ctx))
	}
	if a == nil {
		return lading.ErrExtensionUnknown
	}
	if lading.IdentityFrom(ctx).Credential.Narrowed() {
		return lading.ErrInsufficientScope
	}
	switch q.Action {
	case ActionAccounts:
		return h.listAccounts(w, r, q)
	case ActionAccountGet:
		return answerOne(w)(asAny(a.Account(ctx, q.Accounts.Subject)))
	case ActionAccountPut:
		return h.putAccount(w, r, q)
	case ActionAccountDelete:
		return accepted(w, a.DeleteAccount(ctx, q.Accounts.Subject))
	case ActionAPITokens:
		return h.listTokens(w, r, q)
	case ActionAPITokenCreate:
		return h.createToken(w, r)
	case ActionAPITokenGet:
		return answerOne(w)(asAny(a.APIToken(ctx, q.Accounts.Token)))
	}
	return accepted(w, a.DeleteToken(ctx, q.Accounts.Token))
}

func asAny[T any](v T, err error) (any, error) { return v, err }

// answerOne answers with one thing, which nobody keeps.
func answerOne(w *response) func(any, error) error {
	return func(v any, err error) error {
		if err == nil {
			writeJSON(w, http.StatusOK, "application/json", v)
		}
		return err
	}
}

func (h *handler) listAccounts(w *response, r *http.Request, q *Request) error {
	n := accountsLength(q)
	all, err := h.opt.Accounts.Accounts(r.Context(), q.Last, n+1)
	if err != nil {
		return err
	}
	if len(all) > n {
		all = all[:n]
		nextAccounts(w, q, n, all[n-1].Subject)
	}
	writeJSON(w, http.StatusOK, "application/json", accountsBody{all})
	return nil
}

func (h *handler) listTokens(w *response, r *http.Request, q *Request) error {
	n := accountsLength(q)
	all, err := h.opt.Accounts.Tokens(r.Context(), q.Accounts.Owner, q.Last, n+1)
	if err != nil {
		return err
	}
	if len(all) > n {
		all = all[:n]
		nextAccounts(w, q, n, all[n-1].ID)
	}
	writeJSON(w, http.StatusOK, "application/json", apiTokensBody{all})
	return nil
}

func accountsLength(q *Request) int {
	if q.Limited {
		return max(1, q.N)
	}
	return accountsPage
}

func nextAccounts(w *response, q *Request, n int, last string) {
	next := *q
	next.Head, next.Limited, next.N, next.Last = false, true, n, last
	setNext(w.Header(), next)
}

// putAccount takes an account; with If-None-Match: * only a new one.
func (h *handler) putAccount(w *response, r *http.Request, q *Request) error {
	var c lading.AccountChange
	if err := readStrict(w, r, &c, lading.ErrAccountInvalid); err != nil {
		return err
	}
	p, err := preconditionOf(r)
	if err != nil {
		return err
	}
	created, err := h.opt.Accounts.PutAccount(r.Context(), q.Accounts.Subject, c, p.Absent)
	if err != nil {
		return err
	}
	h.setLocation(w, r, Request{Action: ActionAccountGet, Accounts: q.Accounts})
	if created {
		return empty(w, http.StatusCreated)
	}
	return empty(w, http.StatusOK)
}

// The answers that are more than one thing.
type (
	accountsBody struct {
		Accounts []lading.Account `json:"accounts"`
	}
	apiTokensBody struct {
		Tokens []lading.APIToken `json:"tokens"`
	}
	createdToken struct {
		Token string `json:"token"` // its text
		lading.APIToken
	}
)

// createToken answers with a token and, in "token", its text, this once.
func (h *handler) createToken(w *response, r *http.Request) error {
	var in lading.NewAPIToken
	if err := readStrict(w, r, &in, lading.ErrTokenInvalid); err != nil {
		return err
	}
	text, t, err := h.opt.Accounts.CreateToken(r.Context(), in)
	if err != nil {
		return err
	}
	h.setLocation(w, r, Request{Action: ActionAPITokenGet, Accounts: AccountQuery{Token: t.ID}})
	writeJSON(w, http.StatusCreated, "application/json", createdToken{text, t})
	return nil
}

// readStrict reads one JSON object of a body: a misspelt field must not make
// something else. What it says of a mistake has nothing of the values in it.
func readStrict(w *response, r *http.Request, into any, invalid *lading.Error) error {
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(newRequestBody(w, r), maxAccountBody+1)); err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if b.Len() > maxAccountBody {
		return invalid.With("the body is larger than %d bytes", maxAccountBody)
	}
	dec := json.NewDecoder(&b)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("there is more than one JSON object")
		}
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return invalid.With("the body is no JSON, at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return invalid.With("the field %s is not of the right type", kind.Field)
	}
	return invalid.With("the body cannot be used: %.200s", strings.TrimPrefix(err.Error(), "json: "))
}
