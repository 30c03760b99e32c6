package lading

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Verb is something that a caller may do in a repository.
type Verb uint16

// The verbs.
const (
	// VerbList is to see that it is there: in listings, deltas, streams,
	// _catalog and search.
	VerbList Verb = 1 << iota
	// VerbPull is to read its content by name: manifests, blobs, tags/list,
	// referrers, tag history, and manifests in events.
	VerbPull
	// VerbPush is to add content and tags.
	VerbPush
	// VerbRetag is to point a tag elsewhere that is there already.
	VerbRetag
	// VerbDelete is to delete tags, manifests, blobs and the repository.
	VerbDelete
	// VerbAdmin is to say who may do what and, for the whole registry, which
	// types of artifacts there are and are taken.
	VerbAdmin
	// VerbAudit is to read who did what: those who watch over administrators
	// need not be some.
	VerbAudit
)

// verbNames are the names of the verbs, in the order of their bits.
var verbNames = [...]string{"list", "pull", "push", "retag", "delete", "admin", "audit"}

// VerbCount is the number of verbs: the length of an array by Verb.Index.
const VerbCount = len(verbNames)

// roles are verbs that go together, by the names under which rules give them.
// None has admin or audit: those are always said.
var roles = []struct {
	name  string
	verbs Verbs
}{
	{"reader", Verbs(VerbList | VerbPull)},
	{"writer", Verbs(VerbList | VerbPull | VerbPush | VerbRetag)},
	{"owner", Verbs(VerbList | VerbPull | VerbPush | VerbRetag | VerbDelete)},
}

// AllVerbs are the verbs one by one.
func AllVerbs() []Verb {
	out := make([]Verb, VerbCount)
	for i := range out {
		out[i] = 1 << i
	}
	return out
}

// ParseVerb is the verb of that name.
func ParseVerb(name string) (Verb, error) {
	i := slices.Index(verbNames[:], name)
	if i < 0 {
		return 0, fmt.Errorf("%q is no verb: write one of %s", name, strings.Join(verbNames[:], ", "))
	}
	return 1 << i, nil
}

// Index is the verb's place in an array of VerbCount; -1 where it is not one
// verb.
func (v Verb) Index() int {
	for i := range verbNames {
		if v == 1<<i {
			return i
		}
	}
	return -1
}

func (v Verb) String() string {
	if i := v.Index(); i >= 0 {
		return verbNames[i]
	}
	return fmt.Sprintf("verb(%d)", uint16(v))
}

// Verbs is a set of verbs. As text, and as an array in JSON, it is the names of
// its verbs; where it is read, the name of a role stands for the role's verbs:
// reader (list, pull), writer (and push, retag), owner (and delete).
type Verbs uint16

// Has reports whether the verb is in the set.
func (vs Verbs) Has(v Verb) bool { return vs&Verbs(v) != 0 }

// Names are the verbs' names.
func (vs Verbs) Names() []string {
	out := []string{}
	for i, name := range verbNames {
		if vs.Has(1 << i) {
			out = append(out, name)
		}
	}
	return out
}

func (vs Verbs) String() string { return strings.Join(vs.Names(), ",") }

// MarshalJSON implements json.Marshaler.
func (vs Verbs) MarshalJSON() ([]byte, error) { return json.Marshal(vs.Names()) }

// UnmarshalJSON implements json.Unmarshaler.
func (vs *Verbs) UnmarshalJSON(b []byte) error {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return fmt.Errorf("verbs: want an array of names: %w", err)
	}
	*vs = 0
	if len(names) == 0 {
		return nil // of verbs that this version does not know
	}
	out, err := ParseVerbs(names...)
	if err == nil {
		*vs = out
	}
	return err
}

// ParseVerbs is the set of the verbs, and of the roles' verbs, with those
// names. There is one at least.
func ParseVerbs(names ...string) (vs Verbs, err error) {
	for _, name := range names {
		set := Verbs(0)
		for _, role := range roles {
			if role.name == name {
				set = role.verbs
			}
		}
		if set == 0 {
			v, err := ParseVerb(name)
			if err != nil {
				return 0, fmt.Errorf("%w, or a role: reader, writer, owner", err)
			}
			set = Verbs(v)
		}
		vs |= set
	}
	if vs == 0 {
		return 0, fmt.Errorf("no verb: write some of %s, or a role: reader, writer, owner", strings.Join(verbNames[:], ", "))
	}
	return vs, nil
}
