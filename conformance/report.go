package conformance

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// Status is what became of a case.
type Status string

// The statuses.
const (
	Passed  Status = "pass"
	Failed  Status = "fail"
	Skipped Status = "skip"
)

// Result is what became of one case.
type Result struct {
	ID     string `json:"id"`
	Level  Level  `json:"level"`
	Title  string `json:"title"`
	Status Status `json:"status"`
	// Reason is why a case was skipped.
	Reason string `json:"reason,omitempty"`
	// Failures say what is wrong, one or more of a case that failed.
	Failures []string `json:"failures,omitempty"`
	// Exchanges are the last requests and answers of a case that failed.
	Exchanges []Exchange    `json:"exchanges,omitempty"`
	Took      time.Duration `json:"took_ns"`
}

// Exchange is a request and its answer, as text, cut where they are long.
// Authorization is left out.
type Exchange struct {
	Request string `json:"request"`
	Answer  string `json:"answer"`
}

// Report is what became of all cases.
type Report struct {
	URL     string        `json:"url"`
	Began   time.Time     `json:"began"`
	Took    time.Duration `json:"took_ns"`
	Results []Result      `json:"results"`
}

// Count is how many cases have a status.
func (r *Report) Count(s Status) (n int) {
	for _, x := range r.Results {
		if x.Status == s {
			n++
		}
	}
	return n
}

// Conforms tells whether no MUST, and nothing of what the registry need not
// have but has, failed.
func (r *Report) Conforms() bool {
	for _, x := range r.Results {
		if x.Status == Failed && x.Level != Should {
			return false
		}
	}
	return true
}

// WriteJSON writes the report as JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("conformance: report: %w", err)
	}
	return nil
}

// WriteText writes a line a case and what is wrong with those that failed.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, x := range r.Results {
		b.WriteString(x.Text())
	}
	fmt.Fprintf(&b, "%d passed, %d failed, %d skipped\n", r.Count(Passed), r.Count(Failed), r.Count(Skipped))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("conformance: report: %w", err)
	}
	return nil
}

// Text is the result as lines of text.
func (x Result) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-4s %-8s %-6s %s\n", x.Status, x.ID, x.Level, x.Title)
	if x.Reason != "" {
		fmt.Fprintf(&b, "     skipped: %s\n", x.Reason)
	}
	for _, f := range x.Failures {
		fmt.Fprintf(&b, "     %s\n", strings.ReplaceAll(f, "\n", "\n     "))
	}
	for _, e := range lastOf(x.Exchanges, 1) {
		text := "asked\n" + e.Request + "\nanswered\n" + e.Answer
		fmt.Fprintf(&b, "       %s\n", strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n       "))
	}
	return b.String()
}

// lastOf are the last n of a list.
func lastOf[E any](list []E, n int) []E { return list[max(0, len(list)-n):] }

// The form of JUnit's reports that build servers read.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure"`
		Skipped *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report in the form of JUnit's.
func (r *Report) WriteJUnit(w io.Writer) error {
	out := junitSuite{Name: "discovery " + r.URL, Tests: len(r.Results), Failures: r.Count(Failed), Skipped: r.Count(Skipped), Time: seconds(r.Took)}
	for _, x := range r.Results {
		c := junitCase{Class: "discovery." + string(x.Level), Name: x.ID + " " + x.Title, Time: seconds(x.Took)}
		switch x.Status {
		case Failed:
			c.Failure = &junitMessage{Message: x.Failures[0], Text: x.Text()}
		case Skipped:
			c.Skipped = &junitMessage{Message: x.Reason}
		}
		out.Cases = append(out.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("conformance: report: %w", err)
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("conformance: report: %w", err)
	}
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
