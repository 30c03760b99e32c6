package sqldb

import (
	"strings"
	"sync"
)

var valueLists sync.Map // [2]int -> string

// Values returns "(?,?),(?,?)" for rows times columns placeholders: the body
// of a multi-row INSERT. Equal arguments give the very same string, so that
// statement caches hit.
func Values(rows, columns int) string {
	key := [2]int{rows, columns}
	if s, ok := valueLists.Load(key); ok {
		return s.(string)
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + ")"
	s := strings.TrimSuffix(strings.Repeat(row+",", rows), ",")
	valueLists.Store(key, s)
	return s
}

// In returns "(?,?,?)" for n values: the right side of an IN.
func In(n int) string { return Values(1, n) }
