package importer

import (
	"fmt"
	"strings"
)

// maxSkips is how many skipped things the text names; JSON has them all.
const maxSkips = 200

// Text is the report for people, in lines.
func (r *Report) Text() string {
	var b strings.Builder
	line := func(what string, c Count) {
		fmt.Fprintf(&b, "%-10s %d", what, c.Found)
		if !r.DryRun {
			fmt.Fprintf(&b, ": %d imported, %d here already", c.Imported, c.Present)
		}
		if c.Skipped > 0 {
			fmt.Fprintf(&b, ", %d skipped", c.Skipped)
		}
		b.WriteByte('\n')
	}
	for _, s := range r.Skipped[:min(len(r.Skipped), maxSkips)] {
		fmt.Fprintf(&b, "skipped: %s\n", s)
	}
	if n := len(r.Skipped) - maxSkips; n > 0 {
		fmt.Fprintf(&b, "skipped: %d more (-o json tells them all)\n", n)
	}
	fmt.Fprintf(&b, "%s\n%-10s %d\n", r.Source, "repos", r.Repositories)
	line("manifests", r.Manifests)
	line("tags", r.Tags)
	line("blobs", r.Blobs)
	verb := "copied"
	if r.DryRun {
		verb = "to copy"
	}
	fmt.Fprintf(&b, "%-10s %s in %.1f s\n", verb, size(r.Bytes), r.Seconds)
	if r.Unreferenced > 0 {
		fmt.Fprintf(&b, "not taken: %d blobs that no manifest uses\n", r.Unreferenced)
	}
	return b.String()
}
