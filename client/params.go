package client

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// listParameters are the parameters of a listing. A page token carries all but
// the length of the page.
func listParameters(q lading.Query) url.Values {
	v := url.Values{}
	if q.N > 0 {
		v.Set("n", strconv.Itoa(q.N))
	}
	if q.Page != "" {
		v.Set("page", q.Page)
		return v
	}
	scopeParameters(v, q.Scope)
	if q.Order != "" || q.Desc {
		v.Set("order", orderParameter(q))
	}
	if q.Since != "" {
		v.Set("since", q.Since)
	}
	if q.Wait > 0 {
		v.Set("wait", strconv.Itoa(int((q.Wait+time.Second-1)/time.Second)))
	}
	if q.Stats {
		v.Set("view", "stats")
	}
	return v
}

func orderParameter(q lading.Query) string {
	o := q.Order
	if o == "" {
		o = lading.OrderName
	}
	if q.Desc {
		return "-" + string(o)
	}
	return string(o)
}

// scopeParameters are the filters, which listings and streams share. The
// repository is in the path.
func scopeParameters(v url.Values, s lading.Scope) {
	for name, values := range map[string][]string{"prefix": s.Prefix, "exclude": s.Exclude, "type": s.Types, "platform": s.Platforms} {
		if len(values) > 0 {
			v[name] = values
		}
	}
	if s.Namespace != "" {
		v.Set("namespace", s.Namespace)
	}
	if s.Tagged != nil {
		v.Set("tagged", strconv.FormatBool(*s.Tagged))
	}
	if s.Subject != "" {
		v.Set("subject", string(s.Subject))
	}
	for name, t := range map[string]time.Time{"created_after": s.CreatedAfter, "created_before": s.CreatedBefore,
		"modified_after": s.ModifiedAfter, "modified_before": s.ModifiedBefore} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
}

// watchParameters are the parameters of a stream.
func watchParameters(q lading.WatchQuery) url.Values {
	v := url.Values{}
	scopeParameters(v, q.Scope)
	if len(q.Kinds) > 0 {
		var words []string
		for _, k := range q.Kinds {
			words = append(words, kindWords[k])
		}
		v.Set("kinds", strings.Join(words, ","))
	}
	if len(q.Actions) > 0 {
		var words []string
		for _, a := range q.Actions {
			words = append(words, string(a))
		}
		v.Set("actions", strings.Join(words, ","))
	}
	if q.Data != "" {
		v.Set("data", string(q.Data))
	}
	if q.Since != "" {
		v.Set("since", q.Since)
	}
	if q.Initial {
		v.Set("initial", "true")
	}
	return v
}

// kindWords are the words for one of a kind.
var kindWords = map[lading.Kind]string{lading.KindRepositories: "repository", lading.KindTags: "tag", lading.KindManifests: "manifest"}
