package sqldb

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// maxRebound bounds the cache of rewritten statements.
const maxRebound = 4096

// rebinder remembers statements with PostgreSQL's placeholders.
type rebinder struct {
	known sync.Map // string -> string
	n     atomic.Int64
}

func (r *rebinder) rebind(sql string) string {
	if s, ok := r.known.Load(sql); ok {
		return s.(string)
	}
	s := rebind(sql)
	if r.n.Load() < maxRebound {
		r.n.Add(1)
		r.known.Store(sql, s)
	}
	return s
}

// rebind writes $1, $2 and so on for each ?, except in quotes and comments. A
// quote inside quotes is doubled, as the standard has it; E'…\'…' and dollar
// quotes are not known.
func rebind(sql string) string {
	if !strings.Contains(sql, "?") {
		return sql
	}
	var b strings.Builder
	n := 0
	for i := 0; i < len(sql); {
		if end := skipQuoted(sql, i); end > i {
			b.WriteString(sql[i:end])
			i = end
			continue
		}
		if sql[i] == '?' {
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		} else {
			b.WriteByte(sql[i])
		}
		i++
	}
	return b.String()
}

// skipQuoted returns the end of the quotes or the comment that begin at i, or
// i. What is not ended goes on to the end of the text.
func skipQuoted(sql string, i int) int {
	rest := sql[i:]
	end := ""
	switch {
	case rest[0] == '\'' || rest[0] == '"':
		end = rest[:1]
	case strings.HasPrefix(rest, "--"):
		end = "\n"
	case strings.HasPrefix(rest, "/*"):
		end = "*/"
	default:
		return i
	}
	open := 1
	if end == "*/" {
		open = 2
	}
	if n := strings.Index(rest[open:], end); n >= 0 {
		return i + open + n + len(end)
	}
	return len(sql)
}
