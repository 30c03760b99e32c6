package httpapi

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
)

// watchFilters are the parameters that a watch takes of listings, each where it
// belongs to a listing of one of the kinds watched.
var watchFilters = []string{"namespace", "prefix", "exclude", "type", "platform", "tagged", "subject",
	"created_after", "created_before", "modified_after", "modified_before"}

// A watchParameter is one that listings do not have, or not so.
type watchParameter struct {
	many bool
	set  func(q *lading.WatchQuery, value string) string
}

var watchParameters = map[string]watchParameter{
	"kinds":   {true, setKinds},
	"actions": {true, setActions},
	"data":    {false, setData},
	"since":   {false, setWatchSince},
	"initial": {false, setInitial},
}

// The words of kinds= and actions=, in the order in which they are written.
var (
	watchKinds = []lading.Kind{lading.KindRepositories, lading.KindTags, lading.KindManifests}
	kindWords  = map[string]lading.Kind{"repository": lading.KindRepositories, "tag": lading.KindTags, "manifest": lading.KindManifests}

	watchActions = []lading.Action{lading.ActionCreated, lading.ActionUpdated, lading.ActionDeleted}
)

// parseWatch understands the parameters of a stream, all of them or none, as
// parseList does.
func parseWatch(repo string, v url.Values) (*lading.WatchQuery, error) {
	q := &lading.WatchQuery{Scope: lading.Scope{Repository: repo}}
	// The kinds decide which of the others belong.
	for _, name := range append([]string{"kinds"}, slices.Sorted(maps.Keys(v))...) {
		if err := setWatchParameter(q, name, v[name]); err != nil {
			return nil, err
		}
	}
	return q, checkWatch(q)
}

func setWatchParameter(q *lading.WatchQuery, name string, values []string) error {
	p, ok := watchParameters[name]
	if !ok {
		return setWatchFilter(q, name, values)
	}
	if len(values) > 1 && !p.many || len(values) > maxValues {
		return lading.InvalidParameter(name, "given more than once")
	}
	for _, value := range values {
		if wrong := p.set(q, value); wrong != "" {
			return lading.InvalidParameter(name, "%s", wrong)
		}
	}
	return nil
}

// setWatchFilter sets a parameter as a listing does.
func setWatchFilter(q *lading.WatchQuery, name string, values []string) error {
	p, ok := listParameter(name)
	if !ok {
		return lading.InvalidParameter(clip(name), "unknown parameter")
	}
	if !slices.Contains(watchFilters, name) || p.in&placesOf(q) == 0 || name == "namespace" && q.Scope.Repository != "" {
		return lading.InvalidParameter(name, "does not belong to this stream")
	}
	if (name == "prefix" || name == "exclude") && q.Scope.Repository != "" && (placesOf(q)&inRepoTags == 0 || placesOf(q)&inRepoManifests != 0) {
		return lading.InvalidParameter(name, "means the tag's name in a repository: only with tag, and without manifest, among kinds")
	}
	list := lading.Query{Scope: q.Scope}
	if err := setParameter(&list, p.in, name, values); err != nil {
		return err
	}
	q.Scope = list.Scope
	return nil
}

// placesOf are the listings of the kinds that a stream watches. What is told of
// a repository itself in its own stream has the filters of all listings.
func placesOf(q *lading.WatchQuery) (at place) {
	kinds := q.Kinds
	if len(kinds) == 0 {
		kinds = watchKinds
	}
	for _, k := range kinds {
		if p := placeOf(k, q.Scope.Repository); p != 0 {
			at |= p
		} else {
			at |= inRepositories
		}
	}
	return at
}

// checkWatch checks what parameters ask of each other.
func checkWatch(q *lading.WatchQuery) error {
	switch {
	case len(q.Actions) > 0 && q.Initial:
		return lading.InvalidParameter("initial", "not together with actions: such a stream is no copy of anything")
	case q.Initial && q.Since == "now":
		return lading.InvalidParameter("initial", "not together with since=now: either everything or nothing of what is there")
	case q.View() && q.Since != "" && q.Since != "now":
		return lading.InvalidParameter("since", "a view has no cursor: leave out actions and modified_*")
	}
	return nil
}

func setKinds(q *lading.WatchQuery, s string) string {
	for word := range strings.SplitSeq(s, ",") {
		k, ok := kindWords[word]
		if !ok {
			return "want repository, tag or manifest, with commas between them"
		}
		q.Kinds = inOrder(watchKinds, q.Kinds, k)
	}
	return ""
}

func setActions(q *lading.WatchQuery, s string) string {
	for word := range strings.SplitSeq(s, ",") {
		if !slices.Contains(watchActions, lading.Action(word)) {
			return "want created, updated or deleted, with commas between them"
		}
		q.Actions = inOrder(watchActions, q.Actions, lading.Action(word))
	}
	return ""
}

// inOrder adds a word to those that were given, once, in the order of all.
func inOrder[T comparable](all, given []T, word T) []T {
	var out []T
	for _, w := range all {
		if w == word || slices.Contains(given, w) {
			out = append(out, w)
		}
	}
	return out
}

func setData(q *lading.WatchQuery, s string) string {
	switch d := lading.Data(s); d {
	case lading.DataPointer, lading.DataDescriptor, lading.DataManifest:
		q.Data = d
		return ""
	}
	return "want pointer, descriptor or manifest"
}

func setWatchSince(q *lading.WatchQuery, s string) string {
	if !validToken(s) || s == "none" {
		return "want a cursor or now; initial=true begins with everything"
	}
	q.Since = s
	return ""
}

func setInitial(q *lading.WatchQuery, s string) string {
	if s != "true" && s != "false" {
		return "want true or false"
	}
	q.Initial = s == "true"
	return ""
}

// addWatchParameters writes the parameters from which parseWatch makes the
// query again.
func addWatchParameters(v url.Values, q *lading.WatchQuery) {
	addListParameters(v, lading.Query{Scope: q.Scope})
	for word, kind := range kindWords {
		if slices.Contains(q.Kinds, kind) {
			v["kinds"] = append(v["kinds"], word)
		}
	}
	slices.Sort(v["kinds"])
	for _, a := range q.Actions {
		v.Add("actions", string(a))
	}
	for _, name := range []string{"kinds", "actions"} {
		set(v, name, strings.Join(v[name], ","))
	}
	set(v, "data", string(q.Data))
	set(v, "since", q.Since)
	if q.Initial {
		v.Set("initial", strconv.FormatBool(true))
	}
}
