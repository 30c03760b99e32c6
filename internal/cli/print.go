package cli

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// page is a part of an answer as it arrives.
type page struct {
	items      []lading.Item
	namespaces []lading.Namespace
	// cursor is where a listing that is complete leaves off.
	cursor string
}

// printer writes a listing page by page. end is called once, also for a
// listing that was cut short.
type printer interface {
	page(p page) error
	end(cursor string) error
}

// view is what a printer knows of the listing.
type view struct {
	place      // what was asked of
	kind       lading.Kind
	delta      bool // items are operations
	wantCursor bool // the cursor is asked for
	stats      bool
	byModified bool
	now        func() time.Time
}

// repositoryScope reports whether everything is of one repository.
func (v view) repositoryScope() bool {
	return v.path != "" && !v.below && (v.kind == lading.KindTags || v.kind == lading.KindManifests)
}

// printer returns the one for a form; with what is no part of the answer it
// goes to s.err.
func (f *formFlags) printer(s streams, v view) (printer, error) {
	switch f.form {
	case "json":
		return &jsonPrinter{w: bufio.NewWriter(s.out), view: v}, nil
	case "ndjson":
		return &linePrinter{s: s, view: v, cursorLine: true, write: func(thing any) ([]byte, error) { return line(thing) }}, nil
	case "name":
		return &linePrinter{s: s, view: v, write: func(thing any) ([]byte, error) { return []byte(v.name(thing) + "\n"), nil }}, nil
	case "template":
		t, err := f.parse(v.now)
		if err != nil {
			return nil, err
		}
		return &linePrinter{s: s, view: v, write: byTemplate(t)}, nil
	}
	return &tablePrinter{s: s, view: v, table: newTable(s.out, v.head()...)}, nil
}

func byTemplate(t *template.Template) func(any) ([]byte, error) {
	return func(thing any) ([]byte, error) {
		var b strings.Builder
		err := executeTemplate(t, &b, thing)
		return []byte(b.String()), err
	}
}

// jsonPrinter writes one document, like a page that has everything.
type jsonPrinter struct {
	view
	w *bufio.Writer
	n int
}

func (p *jsonPrinter) page(pg page) error {
	for _, it := range pg.items {
		if err := p.item(it); err != nil {
			return err
		}
	}
	for _, ns := range pg.namespaces {
		if err := p.item(ns); err != nil {
			return err
		}
	}
	return nil
}

func (p *jsonPrinter) item(thing any) error {
	raw, err := line(thing)
	if err != nil {
		return err
	}
	before := ",\n  "
	if p.n == 0 {
		before = p.begin() + "\n  "
	}
	p.n++
	_, err = p.w.WriteString(before + strings.TrimSuffix(string(raw), "\n"))
	return err
}

func (p *jsonPrinter) begin() string {
	kind := "list"
	if p.delta {
		kind = "delta"
	}
	return `{"kind":"` + kind + `","items":[`
}

func (p *jsonPrinter) end(cursor string) error {
	if p.n == 0 {
		p.w.WriteString(p.begin())
	} else {
		p.w.WriteString("\n")
	}
	p.w.WriteString("]")
	if cursor != "" {
		p.w.WriteString(`,"cursor":` + strconv.Quote(cursor))
	}
	p.w.WriteString("}\n")
	return p.w.Flush()
}

// linePrinter writes a line, or what a template makes, for each thing.
type linePrinter struct {
	view
	s          streams
	cursorLine bool // the cursor is a line too
	write      func(thing any) ([]byte, error)
}

func (p *linePrinter) page(pg page) error {
	var out []byte
	for _, it := range pg.items {
		b, err := p.write(it)
		if err != nil {
			return err
		}
		out = append(out, b...)
	}
	for _, ns := range pg.namespaces {
		b, err := p.write(ns)
		if err != nil {
			return err
		}
		out = append(out, b...)
	}
	_, err := p.s.out.Write(out)
	return err
}

func (p *linePrinter) end(cursor string) error {
	switch {
	case cursor == "" || !p.wantCursor:
		return nil
	case p.cursorLine:
		_, err := fmt.Fprintf(p.s.out, "{\"cursor\":%q}\n", cursor)
		return err
	}
	return tellCursor(p.s.err, cursor)
}

func tellCursor(w io.Writer, cursor string) error {
	_, err := fmt.Fprintf(w, "cursor: %s\n", cursor)
	return err
}

// name is what a thing is called by other commands; in a delta with its
// operation.
func (v view) name(thing any) string {
	switch it := thing.(type) {
	case lading.Item:
		if name := v.itemName(it); v.delta {
			return string(it.Op) + " " + name
		} else {
			return name
		}
	case lading.Namespace:
		return v.host + "/" + it.Namespace
	}
	return fmt.Sprint(thing)
}

// itemName is the reference of an item; of a removed range its key.
func (v view) itemName(it lading.Item) string {
	kind, rest, _ := strings.Cut(it.Key, ":")
	if kind == "range" {
		return it.Key
	}
	return clean(v.host + "/" + rest)
}

// tablePrinter writes for people.
type tablePrinter struct {
	view
	s     streams
	table *table
}

func (p *tablePrinter) page(pg page) error {
	for _, it := range pg.items {
		p.table.row(p.cells(it)...)
	}
	for _, ns := range pg.namespaces {
		p.table.row(p.namespaceCells(ns)...)
	}
	return p.table.flush()
}

func (p *tablePrinter) end(cursor string) error {
	if cursor == "" || !p.wantCursor {
		return nil
	}
	return tellCursor(p.s.err, cursor)
}

// shortText is short of what may be a digest.
func shortText(s string) string { return short(digest.Digest(s)) }
