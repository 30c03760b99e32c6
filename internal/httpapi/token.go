package httpapi

import (
	"context"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// Tokens makes the registry's tokens (distribution project, "Token
// Authentication Specification").
type Tokens interface {
	// Issue makes a token for the caller, who may be nobody.
	//
	// Errors: UNAUTHORIZED, PARAMETER_INVALID.
	Issue(ctx context.Context, q TokenRequest) (TokenAnswer, error)
	// Keys are the public keys, as a JWK set.
	Keys() ([]byte, error)
	// Name is what a client has to name as the service.
	Name() string
}

// TokenRequest asks for a token.
type TokenRequest struct {
	Service string
	Scopes  []string // several in each text, with spaces between
	Client  string   // what the client calls itself
	Offline bool     // asks for a refresh token as well
	Refresh string   // a refresh token, which names the caller
}

// TokenAnswer is a token.
type TokenAnswer struct {
	Subject string // whom it names; empty is nobody
	Token   string
	Issued  time.Time
	Expires time.Time
	Scope   string // what it was made for
	Refresh string
}

// maxForm is the size of the largest form that is read, in bytes.
const maxForm = 64 << 10

// Grants of OAuth 2.0 (RFC 6749; RFC 8693, 2.1).
const (
	grantPassword = "password"
	grantRefresh  = "refresh_token"
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeAccess    = "urn:ietf:params:oauth:token-type:access_token"
	typeIDToken   = "urn:ietf:params:oauth:token-type:id_token"
	typeJWT       = "urn:ietf:params:oauth:token-type:jwt"
)

const tokenPath = "/v2/_lading/auth/token"

var (
	atTokens    = []methodAction{{http.MethodGet, ActionToken}, {http.MethodPost, ActionTokenGrant}}
	atTokenKeys = read(ActionTokenKeys)
)

// routeAuth finds the endpoints below _lading/auth/.
func routeAuth(rest string) (endpoint, Request, error) {
	switch rest {
	case "token":
		return endpoint{methods: atTokens}, Request{}, nil
	case "keys":
		return endpoint{methods: atTokenKeys}, Request{}, nil
	}
	return endpoint{}, Request{}, lading.ErrExtensionUnknown
}

// tokens answers what is about tokens.
func (h *handler) tokens(w *response, r *http.Request, q *Request) error {
	switch {
	case h.opt.Tokens == nil:
		return lading.ErrExtensionUnknown
	case q.Action == ActionTokenKeys:
		return h.tokenKeys(w, r)
	case q.Action == ActionToken:
		return h.token(w, r)
	}
	return h.grantToken(w, r)
}

func (h *handler) tokenKeys(w *response, r *http.Request) error {
	keys, err := h.opt.Tokens.Keys()
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "max-age=60")
	writeJSON(w, http.StatusOK, "application/jwk-set+json", rawJSON(keys))
	return nil
}

// rawJSON is written as it is.
type rawJSON []byte

// MarshalJSON implements json.Marshaler.
func (j rawJSON) MarshalJSON() ([]byte, error) { return j, nil }

// token answers a GET, whose caller says who he is with the header, if at all.
func (h *handler) token(w *response, r *http.Request) error {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return lading.ErrParameterInvalid.With("the query is not valid: it cannot be decoded")
	}
	q := TokenRequest{Service: v.Get("service"), Scopes: v["scope"], Client: v.Get("client_id"), Offline: v.Get("offline_token") == "true"}
	if q.Offline { // a GET that makes something
		r = r.WithContext(lading.WithOrigin(r.Context(), origin(w.Header(), r)))
	}
	return h.issue(w, r, q, "")
}

// grantToken answers a POST, a request of OAuth 2.0 (distribution project,
// "Oauth2 Token Authentication").
func (h *handler) grantToken(w *response, r *http.Request) error {
	v, err := readForm(w, r)
	if err != nil {
		return err
	}
	q := TokenRequest{Service: v.Get("service"), Scopes: v["scope"], Client: v.Get("client_id"), Offline: v.Get("access_type") == "offline"}
	switch v.Get("grant_type") {
	case grantPassword:
		if r, err = h.signIn(w, r, v.Get("username"), v.Get("password")); err != nil {
			return err
		}
		return h.issue(w, r, q, "")
	case grantRefresh:
		if q.Refresh = v.Get("refresh_token"); q.Refresh == "" {
			return lading.InvalidParameter("refresh_token", "missing")
		}
		return h.issue(w, r, q, "")
	case grantExchange:
		return h.exchange(w, r, v, q)
	}
	return lading.InvalidParameter("grant_type", "want %s, %s or %s", grantPassword, grantRefresh, grantExchange)
}

// exchange makes a token for whom another issuer's token names (RFC 8693).
func (h *handler) exchange(w *response, r *http.Request, v url.Values, q TokenRequest) (err error) {
	subject := v.Get("subject_token")
	switch {
	case v.Has("actor_token"):
		return lading.InvalidParameter("actor_token", "not supported")
	case !slices.Contains([]string{typeIDToken, typeJWT}, v.Get("subject_token_type")):
		return lading.InvalidParameter("subject_token_type", "want %s or %s", typeIDToken, typeJWT)
	case strings.Count(subject, ".") != 2:
		return lading.InvalidParameter("subject_token", "not a JWT")
	case v.Has("requested_token_type") && v.Get("requested_token_type") != typeAccess:
		return lading.InvalidParameter("requested_token_type", "want %s", typeAccess)
	}
	if q.Service == "" {
		q.Service = v.Get("audience") // as RFC 8693 calls it
	}
	if r, err = h.signIn(w, r, "oidc", subject); err != nil {
		return err
	}
	return h.issue(w, r, q, typeAccess)
}

// readForm reads the form of a POST.
func readForm(w *response, r *http.Request) (url.Values, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, lading.ErrParameterInvalid.With("the body must be a form: application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, lading.ErrParameterInvalid.With("the form cannot be read, or is larger than %d bytes", maxForm)
	}
	v, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, lading.ErrParameterInvalid.With("the form cannot be decoded")
	}
	return v, nil
}

// signIn finds out who has a name and password that did not come in the header.
func (h *handler) signIn(w *response, r *http.Request, name, password string) (*http.Request, error) {
	if h.opt.Identify == nil || name == "" || password == "" || strings.Contains(name, ":") {
		return nil, lading.ErrUnauthorized
	}
	said := r.Clone(r.Context())
	said.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
	id, err := h.opt.Identify(said)
	if err != nil {
		return nil, err
	}
	w.subject = id.Subject
	return r.WithContext(lading.WithIdentity(r.Context(), id)), nil
}

// tokenBody is the answer: that of a GET, of OAuth 2.0 (RFC 6749, 5.1) and of an
// exchange (RFC 8693, 2.2.1) in one.
type tokenBody struct {
	Token           string    `json:"token"`
	AccessToken     string    `json:"access_token"`
	TokenType       string    `json:"token_type"`
	IssuedTokenType string    `json:"issued_token_type,omitempty"`
	ExpiresIn       int       `json:"expires_in"` // seconds
	IssuedAt        time.Time `json:"issued_at"`
	Scope           string    `json:"scope"`
	RefreshToken    string    `json:"refresh_token,omitempty"`
}

func (h *handler) issue(w *response, r *http.Request, q TokenRequest, kind string) error {
	a, err := h.opt.Tokens.Issue(r.Context(), q)
	if err != nil {
		return err
	}
	w.subject = a.Subject
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache") // RFC 6749, 5.1
	writeJSON(w, http.StatusOK, "application/json", tokenBody{Token: a.Token, AccessToken: a.Token, TokenType: "Bearer", IssuedTokenType: kind,
		ExpiresIn: int(a.Expires.Sub(a.Issued) / time.Second), IssuedAt: a.Issued.UTC(), Scope: a.Scope, RefreshToken: a.Refresh})
	return nil
}

// oauthBody is an error in the words of both (RFC 6749, 5.2).
type oauthBody struct {
	errorBody
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// oauthError is what OAuth 2.0 calls an error (RFC 6749, 5.2).
func oauthError(e *lading.Error) string {
	switch e.Code {
	case lading.CodeUnauthorized:
		return "invalid_grant"
	case lading.CodeParameterInvalid:
		return "invalid_request"
	case lading.CodeTooManyRequests, lading.CodeUnavailable:
		return "temporarily_unavailable"
	}
	return "server_error"
}

// bearer is the challenge that sends a client to the token endpoint, with the
// scope of what it has asked for (distribution project, "Token Authentication
// Specification"). Basic stands beside it nowhere: docker would take that, and
// stop for want of a password where a token for nobody is enough.
func (h *handler) bearer(r *http.Request, q *Request, e *lading.Error) string {
	scheme, host := h.opt.Outside(r)
	c := `Bearer realm="` + scheme + "://" + quotable(host) + tokenPath + `",service="` + h.opt.Tokens.Name() + `"`
	if scope := scopeOf(q); scope != "" {
		c += `,scope="` + scope + `"`
	}
	switch {
	case detailFields(e.Detail)["error"] == lading.InsufficientScope:
		c += `,error="` + lading.InsufficientScope + `"`
	case r.Header.Get("Authorization") != "":
		c += `,error="invalid_token"` // RFC 6750, 3.1
	}
	return c
}

// quotable is a host without what would end a quoted text.
func quotable(host string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return -1
		}
		return c
	}, host)
}
