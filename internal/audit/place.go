package audit

import (
	"strings"

	"github.com/lading-dev/lading"
)

// A place is what a record is about: the name of a repository, the name of a
// namespace with a slash at its end, or nothing, for the registry.

// placeOf is the place of a record.
func placeOf(r lading.AuditRecord) string {
	if r.Repository != "" {
		return r.Repository
	}
	if name, ok := strings.CutPrefix(r.Scope, "repository:"); ok {
		return name
	}
	if name, ok := strings.CutPrefix(r.Scope, "namespace:"); ok {
		return name + "/"
	}
	return ""
}

// actorList is the list of an actor's records. No name begins so.
func actorList(actor string) string { return "@" + actor }

// listsOf are the lists that a record is in: the actor's, that of its place, and
// those of the namespaces around it.
func listsOf(actor, place string) (out []string) {
	if actor != "" {
		out = append(out, actorList(actor))
	}
	for i := 0; i < len(place)-1; i++ {
		if place[i] == '/' {
			out = append(out, place[:i+1])
		}
	}
	if place != "" {
		out = append(out, place)
	}
	return out
}

// visible reports whether who may see these names may see a record of the
// place: all that it is about, that is.
func visible(mine lading.Grants, place string) bool {
	switch {
	case place == "":
		return mine.All()
	case strings.HasSuffix(place, "/"):
		return lading.NewGrants(lading.NamespaceRanges(strings.TrimSuffix(place, "/"))...).Subtract(mine).Empty()
	}
	return mine.Contains(place)
}

// maxLists bounds the lists that one question reads side by side.
const maxLists = 32

// listsFor are the lists that hold every record of these names, and some more
// perhaps; none where there is no such list, or there are too many.
func listsFor(names lading.Grants) []string {
	if len(names.Ranges()) > 2*maxLists {
		return nil
	}
	seen := map[string]bool{}
	var out []string
	for _, r := range names.Ranges() {
		list := listFor(r)
		if list == "" {
			return nil
		}
		if !seen[list] {
			seen[list], out = true, append(out, list)
		}
	}
	if len(out) > maxLists {
		return nil
	}
	return out
}

// listFor is the smallest list that holds every record of a range of names.
func listFor(r lading.Range) string {
	if r.To == r.From+"\x00" {
		return r.From
	}
	for i := len(r.From) - 1; i >= 0; i-- {
		if r.From[i] == '/' && r.To != "" && r.To <= r.From[:i]+"0" { // "0" follows "/"
			return r.From[:i+1]
		}
	}
	return ""
}
