package sqldb

import "strings"

// Values returns "(?,?),(?,?)" for rows times columns placeholders: the body
// of a multi-row INSERT.
func Values(rows, columns int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + ")"
	return strings.TrimSuffix(strings.Repeat(row+",", rows), ",")
}

// In returns "(?,?,?)" for n values: the right side of an IN. With n = 0 it
// is "()", which PostgreSQL does not accept.
func In(n int) string { return Values(1, n) }
