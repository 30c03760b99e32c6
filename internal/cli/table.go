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
	blank  string // what stands for nothing
}

func newTable(w io.Writer, head ...string) *table { return &table{w: w, head: head, blank: "-"} }

// newFields is a table without a head, of so many columns.
func newFields(w io.Writer, columns int) *table {
	return &table{w: w, begun: true, widths: make([]int, columns)}
}

// row adds a row, which is shown by flush.
func (t *table) row(cells ...string) {
	for i, c := range cells {
		if cells[i] = clean(c); c == "" {
			cells[i] = t.blank
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
		var line strings.Builder
		for i, c := range r {
			line.WriteString(c + strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(c)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(t.w, b.String())
	return err
}
