package httpapi

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// A place is one of the listings; a parameter belongs to a set of them.
type place uint

const (
	inRepositories place = 1 << iota
	inNamespaces
	inTags          // of the registry
	inManifests     // of the registry
	inRepoTags      // of one repository
	inRepoManifests // of one repository

	inRegistry   = inRepositories | inTags | inManifests
	inAllTags    = inTags | inRepoTags
	inAllMfs     = inManifests | inRepoManifests
	inItems      = inRegistry | inRepoTags | inRepoManifests
	inEverything = inItems | inNamespaces
)

// maxValues is how often one repeatable parameter may be given.
const maxValues = 100

// placeOf returns the listing of a kind in a repository, or 0.
func placeOf(kind lading.Kind, repo string) place {
	switch {
	case kind == lading.KindRepositories && repo == "":
		return inRepositories
	case kind == lading.KindNamespaces && repo == "":
		return inNamespaces
	case kind == lading.KindTags && repo == "":
		return inTags
	case kind == lading.KindTags:
		return inRepoTags
	case kind == lading.KindManifests && repo == "":
		return inManifests
	case kind == lading.KindManifests:
		return inRepoManifests
	}
	return 0
}

// A parameter is one row of the contract's table: where it belongs, whether it
// may be repeated, and what it does to the query. set returns what is wrong
// with the value, or "".
type parameter struct {
	in   place
	many bool
	set  func(q *lading.Query, value string) string
}

func listParameter(name string) (parameter, bool) {
	p, ok := listParameters[name]
	return p, ok
}

var listParameters = map[string]parameter{
	"namespace":       {inRegistry | inNamespaces, false, setNamespace},
	"prefix":          {inItems &^ inRepoManifests, true, setPrefix},
	"exclude":         {inItems &^ inRepoManifests, true, setExclude},
	"type":            {inAllTags | inAllMfs, true, setType},
	"platform":        {inAllTags | inAllMfs, true, setPlatform},
	"tagged":          {inAllMfs, false, setTagged},
	"subject":         {inAllMfs, false, setSubject},
	"created_after":   {inItems, false, setTime(func(s *lading.Scope) *time.Time { return &s.CreatedAfter })},
	"created_before":  {inItems, false, setTime(func(s *lading.Scope) *time.Time { return &s.CreatedBefore })},
	"modified_after":  {inItems, false, setTime(func(s *lading.Scope) *time.Time { return &s.ModifiedAfter })},
	"modified_before": {inItems, false, setTime(func(s *lading.Scope) *time.Time { return &s.ModifiedBefore })},
	"order":           {inItems, false, setOrder},
	"n":               {inEverything, false, setN},
	"page":            {inEverything, false, setPage},
	"since":           {inItems, false, setSince},
	"wait":            {inItems, false, setWait},
	"view":            {inEverything, false, setView},
}

// parseList understands the parameters of a listing, all of them or none: an
// unknown one, one where it does not belong, or a bad value is
// PARAMETER_INVALID and never ignored.
func parseList(kind lading.Kind, repo string, v url.Values) (lading.Query, error) {
	q := lading.Query{Kind: kind, Scope: lading.Scope{Repository: repo}}
	at := placeOf(kind, repo)
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if err := setParameter(&q, at, name, v[name]); err != nil {
			return lading.Query{}, err
		}
	}
	return q, checkTogether(q, v)
}

func setParameter(q *lading.Query, at place, name string, values []string) error {
	p, ok := listParameter(name)
	if !ok {
		return lading.InvalidParameter(clip(name), "unknown parameter")
	}
	if p.in&at == 0 {
		return lading.InvalidParameter(name, "does not belong to this listing")
	}
	if len(values) > 1 && !p.many {
		return lading.InvalidParameter(name, "given more than once")
	}
	if len(values) > maxValues {
		return lading.InvalidParameter(name, "given more than %d times", maxValues)
	}
	for _, value := range values {
		if value == "" {
			return lading.InvalidParameter(name, "empty")
		}
		if wrong := p.set(q, value); wrong != "" {
			return lading.InvalidParameter(name, "%s", wrong)
		}
	}
	return nil
}

// checkTogether checks what parameters ask of each other.
func checkTogether(q lading.Query, v url.Values) error {
	if q.Page != "" {
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name != "page" && name != "n" {
				return lading.InvalidParameter(name, "not together with page, which carries all but n")
			}
		}
	}
	if q.Since != "" && q.Since != "none" && q.View() {
		return lading.InvalidParameter("since", "a view has no cursor: leave out order, view and modified_*")
	}
	if _, ok := v["wait"]; ok && (q.View() || q.Since == "none") {
		return lading.InvalidParameter("wait", "holds a delta: give since=<cursor> or since=now")
	}
	return nil
}

// clip bounds text of a client that is shown to it again.
func clip(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func setNamespace(q *lading.Query, s string) string {
	if !validName(s) {
		return "not a name"
	}
	q.Scope.Namespace = s
	return ""
}

func setPrefix(q *lading.Query, s string) string {
	if !validPart(q, s) {
		return "not the beginning of a name"
	}
	q.Scope.Prefix = append(q.Scope.Prefix, s)
	return ""
}

func setExclude(q *lading.Query, s string) string {
	if !validPart(q, strings.TrimSuffix(s, "*")) {
		return "neither a name nor the beginning of one with a * behind it"
	}
	q.Scope.Exclude = append(q.Scope.Exclude, s)
	return ""
}

// validPart tells whether s may be the beginning of a name: a repository's,
// or in a repository a tag's.
func validPart(q *lading.Query, s string) bool {
	if q.Scope.Repository != "" {
		return len(s) <= maxTag && allBytes(s, isTagByte)
	}
	return len(s) <= maxName && allBytes(s, func(c byte) bool { return isTagByte(c) && !isUpper(c) || c == '/' })
}

// setType takes a media type. A value without a slash is the short name of a
// type definition.
func setType(q *lading.Query, s string) string {
	if !strings.Contains(s, "/") {
		if len(s) > maxDefinedName || !definedName.MatchString(s) {
			return "unknown type " + clip(s)
		}
	} else if s = plus(s); !validMediaType(s) {
		return "not a media type"
	}
	q.Scope.Types = append(q.Scope.Types, s)
	return ""
}

// plus gives back what a query's decoding takes from a media type that was
// written as it is: "+json" reads as " json", and no media type has a space.
func plus(mediaType string) string { return strings.ReplaceAll(mediaType, " ", "+") }

func setPlatform(q *lading.Query, s string) string {
	parts := strings.Split(s, "/")
	for _, part := range parts {
		if !validRestrictedName(part) {
			return "want os/arch or os/arch/variant"
		}
	}
	if len(parts) < 2 || len(parts) > 3 || len(s) > maxTag {
		return "want os/arch or os/arch/variant"
	}
	q.Scope.Platforms = append(q.Scope.Platforms, s)
	return ""
}

func setTagged(q *lading.Query, s string) string {
	if s != "true" && s != "false" {
		return "want true or false"
	}
	tagged := s == "true"
	q.Scope.Tagged = &tagged
	return ""
}

func setSubject(q *lading.Query, s string) string {
	d, err := parseSubject(s)
	if err != nil {
		return "not a digest"
	}
	q.Scope.Subject = d
	return ""
}

func setTime(field func(*lading.Scope) *time.Time) func(*lading.Query, string) string {
	return func(q *lading.Query, s string) string {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || t.IsZero() {
			return "want a time as in RFC 3339, for example 2026-08-01T10:00:00Z (a + is written %2B)"
		}
		*field(&q.Scope) = t.UTC()
		return ""
	}
}

func setOrder(q *lading.Query, s string) string {
	name, desc := strings.CutPrefix(s, "-")
	switch o := lading.Order(name); o {
	case lading.OrderName, lading.OrderCreated, lading.OrderModified:
		q.Order, q.Desc = o, desc
		return ""
	}
	return "want name, created or modified, with a - before it for the last first"
}

func setN(q *lading.Query, s string) string {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > lading.MaxPage || !allBytes(s, isDigit) {
		return "want a number from 1 to " + strconv.Itoa(lading.MaxPage)
	}
	q.N = n
	return ""
}

func setPage(q *lading.Query, s string) string {
	if !validToken(s) {
		return "not out of a Link"
	}
	q.Page = s
	return ""
}

func setSince(q *lading.Query, s string) string {
	if !validToken(s) {
		return "want a cursor, none or now"
	}
	q.Since = s
	return ""
}

func setWait(q *lading.Query, s string) string {
	n, err := strconv.Atoi(s)
	if most := int(lading.MaxWait / time.Second); err != nil || n < 0 || n > most || !allBytes(s, isDigit) {
		return "want seconds from 0 to " + strconv.Itoa(most)
	}
	q.Wait = time.Duration(n) * time.Second
	return ""
}

func setView(q *lading.Query, s string) string {
	if s != "stats" {
		return "want stats"
	}
	q.Stats = true
	return ""
}

// addListParameters writes the parameters from which parseList makes the
// query again.
func addListParameters(v url.Values, q lading.Query) {
	s := q.Scope
	set(v, "namespace", s.Namespace)
	addAll(v, "prefix", s.Prefix)
	addAll(v, "exclude", s.Exclude)
	addAll(v, "type", s.Types)
	addAll(v, "platform", s.Platforms)
	set(v, "subject", string(s.Subject))
	if s.Tagged != nil {
		v.Set("tagged", strconv.FormatBool(*s.Tagged))
	}
	addTime(v, "created_after", s.CreatedAfter)
	addTime(v, "created_before", s.CreatedBefore)
	addTime(v, "modified_after", s.ModifiedAfter)
	addTime(v, "modified_before", s.ModifiedBefore)
	if q.Order != "" {
		v.Set("order", map[bool]string{true: "-"}[q.Desc]+string(q.Order))
	}
	if q.N > 0 {
		v.Set("n", strconv.Itoa(q.N))
	}
	set(v, "page", q.Page)
	set(v, "since", q.Since)
	if q.Wait > 0 {
		v.Set("wait", strconv.Itoa(int(q.Wait/time.Second)))
	}
	if q.Stats {
		v.Set("view", "stats")
	}
}

func addAll(v url.Values, key string, values []string) {
	if len(values) > 0 {
		v[key] = values
	}
}

func addTime(v url.Values, key string, t time.Time) {
	if !t.IsZero() {
		v.Set(key, t.Format(time.RFC3339Nano))
	}
}
