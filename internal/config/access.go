package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lading-dev/lading"
)

// Public tells whether the registry may be served where other machines reach
// it: callers sign in, or an operator has said that they need not.
func (c Config) Public() bool { return c.InsecureNoAuth || c.Auth.Htpasswd != "" }

// Parsed are the rules, in the order of the text.
//
// Errors: every line that is no rule, with its number.
func (a Access) Parsed() (rules []lading.AccessRule, err error) {
	var wrong []error
	for i, line := range strings.Split(a.Rules, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := lading.ParseAccessRule(line)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("rule in line %d: %w", i+1, err))
			continue
		}
		rules = append(rules, r)
	}
	return rules, errors.Join(wrong...)
}

func (m *Mistakes) access(a Access) {
	if _, err := a.Parsed(); err != nil {
		m.add("access.rules", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}
