package cli

import (
	"io"
	"strings"
	"unicode/utf8"
)

// table writes rows in columns, page by page: a column is as wide as its widest
// cell so far, so that a listing of any length is shown while it arrives.
type table struct {
	w      io.Writer
	head   []string
	widths []int
	rows   [][]string
	begun  bool
}

func newTable(w io.Writer, head ...string) *table { return &table{w: w, head: head} }

// row adds a row, which is shown by flush.
func (t *table) row(cells ...string) {
	for i, c := range cells {
		if cells[i] = clean(c); c == "" {
			cells[i] = "-"
		}
	}
	t.rows = append(t.rows, cells)
}

// flush writes the rows since the last flush; before the first of all, the
// head.
func (t *table) flush() error {
	if len(t.rows) == 0 {
		return nil
	}
	if !t.begun {
		t.rows = append([][]string{t.head}, t.rows...)
		t.widths, t.begun = make([]int, len(t.head)), true
	}
	for _, r := range t.rows {
		for i, c := range r {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, r := range t.rows {
		for i, c := range r {
			b.WriteString(c)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(c)+2))
			}
		}
		b.WriteByte('\n')
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(t.w, b.String())
	return err
}
