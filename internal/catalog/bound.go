package catalog

// bound is the same bound among names as s, in bytes that both engines take as
// text: PostgreSQL refuses a zero byte and what is not UTF-8. Names of
// repositories and tags are of printable ASCII without the space, so the first
// other byte alone decides on which side of the bound a name lies.
func bound(s string) string {
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ':
			return s[:i] + "\x01"
		case c > '~':
			return s[:i] + "\x7f"
		}
	}
	return s
}
