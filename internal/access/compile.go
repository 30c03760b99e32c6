package access

import (
	"fmt"
	"strings"
	"sync"

	"github.com/lading-dev/lading"
)

// maxCallers is how many callers' permissions are kept in memory; more begin
// anew.
const maxCallers = 1 << 13

// state is the rules of one moment, and what they come to for each caller that
// has asked.
type state struct {
	generation int64
	rules      []lading.AccessRule // those of the configuration first, then by id
	bySubject  map[string][]compiled

	mu      sync.RWMutex
	callers map[string]*permissions
}

// compiled is a rule with the names that its scope has.
type compiled struct {
	rule   lading.AccessRule
	grants lading.Grants
}

// permissions are where a caller may do what: by Verb.Index.
type permissions [lading.VerbCount]lading.Grants

func compile(generation int64, rules []lading.AccessRule) (*state, error) {
	st := &state{generation: generation, rules: rules, bySubject: map[string][]compiled{}, callers: map[string]*permissions{}}
	for _, r := range rules {
		g, err := lading.ScopeGrants(r.Scope)
		if err != nil && r.Source == lading.SourceConfiguration {
			return nil, fmt.Errorf("access: rule %s: %w", r.ID, err)
		}
		// A scope that another version wrote gives nothing.
		st.bySubject[r.Subject] = append(st.bySubject[r.Subject], compiled{r, g})
	}
	return st, nil
}

// permissions are those of a caller.
func (st *state) permissions(id lading.Identity) *permissions {
	key := id.Subject
	if len(id.Groups) > 0 {
		key += "\x00" + strings.Join(id.Groups, "\x00")
	}
	st.mu.RLock()
	p := st.callers[key]
	st.mu.RUnlock()
	if p != nil {
		return p
	}
	p = st.add(id)
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.callers) >= maxCallers {
		clear(st.callers)
	}
	st.callers[key] = p
	return p
}

// add is the union of the rules that hold for a caller.
func (st *state) add(id lading.Identity) *permissions {
	p := &permissions{}
	for i, verb := range lading.AllVerbs() {
		var ranges []lading.Range
		for _, subject := range id.Subjects() {
			for _, r := range st.bySubject[subject] {
				if r.rule.Verbs.Has(verb) {
					ranges = append(ranges, r.grants.Ranges()...)
				}
			}
		}
		p[i] = lading.NewGrants(ranges...)
	}
	return p
}
