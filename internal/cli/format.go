package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"
)

// formFlags say how an answer is written.
type formFlags struct {
	form, template string
}

// add adds the flags with the forms that the command has; the first is the
// default.
func (f *formFlags) add(cmd *cobra.Command, forms ...string) {
	fl := cmd.Flags()
	fl.StringVarP(&f.form, "output", "o", forms[0], "`FORM` of the answer: "+oneOf(forms))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(toCompletions(forms), cobra.ShellCompDirectiveNoFileComp))
	if slices.Contains(forms, "template") {
		fl.StringVar(&f.template, "template", "", "`TEXT` of a Go template for each thing, with the names of -o json")
	}
	cmd.PreRunE = chain(cmd.PreRunE, func(*cobra.Command, []string) error { return failureOf(f.check(forms)) })
}

func chain(fns ...func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		for _, fn := range fns {
			if fn == nil {
				continue
			}
			if err := fn(cmd, args); err != nil {
				return err
			}
		}
		return nil
	}
}

func toCompletions(words []string) (out []cobra.Completion) {
	return append(out, words...)
}

func (f *formFlags) check(forms []string) error {
	if f.template != "" && f.form == forms[0] {
		f.form = "template"
	}
	if !slices.Contains(forms, f.form) {
		return usage("--output: %q is none of %s", f.form, list(forms))
	}
	if (f.form == "template") != (f.template != "") {
		return usage("-o template and --template belong together")
	}
	if f.template != "" {
		_, err := f.parse(time.Now)
		return err
	}
	return nil
}

// parse reads the template. Times are told as ages by age, numbers of bytes by
// size, digests by short.
func (f *formFlags) parse(now func() time.Time) (*template.Template, error) {
	t, err := template.New("template").Funcs(template.FuncMap{
		"age": func(v any) (string, error) {
			s, _ := v.(string)
			at, err := time.Parse(time.RFC3339Nano, s)
			if err != nil {
				return "", err
			}
			return age(now(), at), nil
		},
		"size": func(v any) string {
			n, _ := v.(json.Number)
			i, _ := n.Int64()
			return size(i)
		},
		"short": func(v any) string { return shortText(fmt.Sprint(v)) },
		"json": func(v any) (string, error) {
			b, err := json.Marshal(v)
			return string(b), err
		},
		"join": func(v any, sep string) string {
			var words []string
			vs, _ := v.([]any)
			for _, w := range vs {
				words = append(words, fmt.Sprint(w))
			}
			return strings.Join(words, sep)
		},
	}).Parse(f.template)
	if err != nil {
		return nil, usage("--template: %v", err)
	}
	return t, nil
}

// executeTemplate writes a thing by a template, by the names that it has in
// JSON, and a line break.
func executeTemplate(t *template.Template, w io.Writer, thing any) error {
	raw, err := json.Marshal(thing)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return usage("--template: %v", err)
	}
	// What is not there is nothing; text/template has a word for it.
	_, err = fmt.Fprintln(w, strings.ReplaceAll(b.String(), "<no value>", ""))
	return err
}

// line is a thing in JSON on one line.
func line(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return []byte(b.String()), err
}

// writeJSON writes a document for people and programs alike.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
