package access

import "github.com/lading-dev/lading"

// Permissions are what rules give a caller, the configuration's first.
func (s *Store) Permissions(id lading.Identity) []lading.Permission {
	out := []lading.Permission{}
	st := s.current.Load()
	for _, subject := range id.Subjects() {
		for _, r := range st.bySubject[subject] {
			out = append(out, lading.Permission{Subject: subject, Verbs: r.rule.Verbs, Scope: r.rule.Scope})
		}
	}
	return out
}
