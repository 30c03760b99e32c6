package httpapi

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

// TestErrorsAreDocumented compares the table of statuses with docs/errors.md:
// every answer has its row there, once, and every row is an answer.
func TestErrorsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, m := range regexp.MustCompile("(?m)^\\| (\\d{3} `[A-Z_]+`) \\| [^|]{10,} \\|[^|]*\\|$").FindAllStringSubmatch(string(text), -1) {
		rows[m[1]]++
	}
	answers := map[string]bool{}
	for _, code := range append(rootCodes(t), codeBodyTimeout, codeNotAcceptable) {
		status, shown := statusOf(code)
		answer := fmt.Sprintf("%d `%s`", status, shown)
		answers[answer] = true
		if rows[answer] != 1 {
			t.Errorf("%s: %d rows for %q", code, rows[answer], answer)
		}
	}
	for row := range rows {
		if !answers[row] {
			t.Errorf("a row tells of %s, which is never answered", row)
		}
	}
}
