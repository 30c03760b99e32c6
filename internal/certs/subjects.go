package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/lading-dev/lading"
)

// Subjects say whom clients' certificates stand for. The first rule that fits a
// certificate holds; where none does, it stands for nobody.
type Subjects []subjectRule

// subjectRule is a line of the configuration.
type subjectRule struct {
	field   string // cn, uri, email or dns
	pattern string
	subject string
	groups  []string
}

// ParseSubjects reads rules, a line each: a field of the certificate (cn, uri,
// email, dns), a pattern, a subject, and any groups, such as
//
//	uri    spiffe://acme.example/ns/build/sa/*  service:*  group:robots
//	email  *@acme.example                       user:*
//
// One * in the pattern stands for one or more letters, digits and "._-+", and
// for the same text in the subject. A line that begins with # is a comment.
//
// Errors: every line that is no rule, with its number.
func ParseSubjects(text string) (rules Subjects, err error) {
	var wrong []error
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		r, err := parseSubject(words)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("rule in line %d: %w", i+1, err))
			continue
		}
		rules = append(rules, r)
	}
	return rules, errors.Join(wrong...)
}

func parseSubject(words []string) (r subjectRule, err error) {
	if len(words) < 3 {
		return r, errors.New(`write a field, a pattern and a subject, as in "uri spiffe://acme.example/sa/* service:*"`)
	}
	r = subjectRule{field: words[0], pattern: words[1], subject: words[2]}
	if r.field != "cn" && r.field != "uri" && r.field != "email" && r.field != "dns" {
		return r, fmt.Errorf("%.80q is no field of a certificate: write cn, uri, email or dns", r.field)
	}
	if strings.Count(r.pattern, "*") > 1 || strings.Count(r.subject, "*") > strings.Count(r.pattern, "*") {
		return r, errors.New("a pattern has one * at most, and the subject none without it")
	}
	if !strings.HasPrefix(r.subject, "user:") && !strings.HasPrefix(r.subject, "service:") {
		return r, fmt.Errorf("%.80q is whom a certificate cannot stand for: write user:NAME or service:NAME", r.subject)
	}
	if err := lading.CheckSubject(r.subject); err != nil {
		return r, err
	}
	for _, word := range words[3:] {
		name, ok := strings.CutPrefix(word, "group:")
		if err := lading.CheckSubject(word); err != nil || !ok {
			return r, fmt.Errorf("%.80q is no group: write group:NAME", word)
		}
		r.groups = append(r.groups, name)
	}
	return r, nil
}

// identity is whom a certificate stands for, without its credential.
func (s Subjects) identity(c *x509.Certificate) lading.Identity {
	for _, r := range s {
		for _, value := range fieldOf(c, r.field) {
			subject, ok := r.match(value)
			if ok && lading.CheckSubject(subject) == nil {
				return lading.Identity{Subject: subject, Groups: r.groups}
			}
		}
	}
	return lading.Identity{}
}

func fieldOf(c *x509.Certificate, field string) []string {
	switch field {
	case "cn":
		return []string{c.Subject.CommonName}
	case "email":
		return c.EmailAddresses
	case "dns":
		return c.DNSNames
	}
	var out []string
	for _, u := range c.URIs {
		out = append(out, u.String())
	}
	return out
}

// match returns the subject for a value that fits.
func (r subjectRule) match(value string) (string, bool) {
	before, after, some := strings.Cut(r.pattern, "*")
	if !some {
		return r.subject, value == r.pattern && value != ""
	}
	rest, ok := strings.CutPrefix(value, before)
	if !ok {
		return "", false
	}
	part, ok := strings.CutSuffix(rest, after)
	if !ok || part == "" || strings.ContainsFunc(part, notInName) {
		return "", false
	}
	return strings.Replace(r.subject, "*", part, 1), true
}

const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+"

func notInName(c rune) bool { return !strings.ContainsRune(nameBytes, c) }
