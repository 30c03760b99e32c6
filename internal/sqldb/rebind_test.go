package sqldb

import (
	"strings"
	"testing"
)

func TestRebind(t *testing.T) {
	for sql, want := range map[string]string{
		"":                                    "",
		"SELECT 1":                            "SELECT 1",
		"?":                                   "$1",
		"a=? AND b IN (?,?)":                  "a=$1 AND b IN ($2,$3)",
		"a='?' AND b=?":                       "a='?' AND b=$1",
		"a='it''s ?' AND b=?":                 "a='it''s ?' AND b=$1",
		`"col?"=? AND "a""?"=?`:               `"col?"=$1 AND "a""?"=$2`,
		"a=? -- why?\nAND b=?":                "a=$1 -- why?\nAND b=$2",
		"a=? -- why?":                         "a=$1 -- why?",
		"/* ? */ a=? /* ' */ AND b=?":         "/* ? */ a=$1 /* ' */ AND b=$2",
		"/*/ ? */ a=?":                        "/*/ ? */ a=$1",
		"a='-- ?' AND b=?":                    "a='-- ?' AND b=$1",
		"a - ? / ?":                           "a - $1 / $2",
		"'not ended ?":                        "'not ended ?",
		"é=? AND ñ='?'":                       "é=$1 AND ñ='?'",
		"VALUES (?,?,?,?,?,?,?,?,?,?,?) -- x": "VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11) -- x",
	} {
		if got := rebind(sql); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", sql, got, want)
		}
	}
}

func TestRebinderRemembersAndIsBounded(t *testing.T) {
	var r rebinder
	for range 2 {
		if got := r.rebind("a=?"); got != "a=$1" {
			t.Fatal(got)
		}
	}
	for i := range maxRebound + 10 {
		r.rebind("?" + strings.Repeat(" ", i))
	}
	if n := r.n.Load(); n > maxRebound {
		t.Errorf("%d statements are kept", n)
	}
}

// Whatever the text, only question marks change, in order, and what is quoted
// stays: taking the dollars back gives the text again.
func FuzzRebind(f *testing.F) {
	for _, s := range []string{"a=?", "'?'?", `"?"?`, "--?\n?", "/*?*/?", "'", `"`, "/*", "--", "''?''"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if strings.Contains(sql, "$") {
			return
		}
		got := rebind(sql)
		var back strings.Builder
		n := 0
		for i := 0; i < len(got); i++ {
			if got[i] != '$' {
				back.WriteByte(got[i])
				continue
			}
			n++
			back.WriteByte('?')
			for i+1 < len(got) && got[i+1] >= '0' && got[i+1] <= '9' && len(got[i:]) > 1 && n > 0 {
				i++
				if digitsEnd(got, i, n) {
					break
				}
			}
		}
		if back.String() != sql {
			t.Fatalf("%q became %q, which is %q", sql, got, back.String())
		}
		if plain := !strings.ContainsAny(sql, `'"-/`); plain && n != strings.Count(sql, "?") {
			t.Fatalf("%q became %q", sql, got)
		}
	})
}

// digitsEnd tells whether the number n ends at position i.
func digitsEnd(s string, i, n int) bool {
	digits := 1
	for m := n; m >= 10; m /= 10 {
		digits++
	}
	start := i
	for start > 0 && s[start-1] != '$' {
		start--
	}
	return i-start+1 == digits
}
