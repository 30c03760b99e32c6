package issuer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
)

// maxGroups is how many groups of a claim a caller is in at most.
const maxGroups = 100

// who is the caller, by the first rule that fits.
func (is *issuer) who(claims map[string]any) (lading.Identity, error) {
	for _, r := range is.Rules {
		if !fits(r, claims) {
			continue
		}
		name, ok := fill(r.Subject, claims)
		if !ok {
			continue
		}
		id := lading.Identity{Subject: "service:" + is.Name + "/" + name}
		if err := lading.CheckSubject(id.Subject); err != nil {
			return lading.Identity{}, err
		}
		for _, g := range r.Groups {
			if g, ok := fill(g, claims); ok {
				id.Groups = append(id.Groups, g)
			}
		}
		id.Groups = append(id.Groups, is.claimed(claims)...)
		for _, g := range id.Groups {
			if err := lading.CheckSubject("group:" + g); err != nil {
				return lading.Identity{}, err
			}
		}
		return id, nil
	}
	return lading.Identity{}, errors.New("no rule fits")
}

// claimed are the groups that the issuer says, behind its name: what it calls
// its own is not what the registry calls so.
func (is *issuer) claimed(claims map[string]any) (groups []string) {
	if is.GroupsClaim == "" {
		return nil
	}
	v, _ := find(claims, is.GroupsClaim)
	if one, ok := v.(string); ok {
		v = []any{one}
	}
	list, _ := v.([]any)
	for _, g := range list {
		if g, ok := g.(string); ok && len(groups) < maxGroups {
			groups = append(groups, is.Name+"/"+g)
		}
	}
	return groups
}

func fits(r config.IssuerRule, claims map[string]any) bool {
	for name, want := range r.When {
		v, ok := find(claims, name)
		if !ok || !anyFits(want, v) {
			return false
		}
	}
	return true
}

// anyFits compares a claim, or one of a list.
func anyFits(pattern string, v any) bool {
	if list, ok := v.([]any); ok {
		for _, one := range list {
			if text, ok := textOf(one); ok && glob(pattern, text) {
				return true
			}
		}
		return false
	}
	text, ok := textOf(v)
	return ok && glob(pattern, text)
}

// find is a claim, or one in another with a dot between. A claim's own name may
// have dots, and slashes as those of Kubernetes.
func find(claims map[string]any, name string) (any, bool) {
	if v, ok := claims[name]; ok {
		return v, true
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if inner, ok := claims[name[:i]].(map[string]any); ok {
			if v, ok := find(inner, name[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// glob compares a text with a pattern in which "*" is any text without a slash
// and "**" any at all.
func glob(pattern, text string) bool {
	star := strings.IndexByte(pattern, '*')
	if star < 0 {
		return pattern == text
	}
	if !strings.HasPrefix(text, pattern[:star]) {
		return false
	}
	rest, left, deep := pattern[star+1:], text[star:], false
	if strings.HasPrefix(rest, "*") {
		rest, deep = rest[1:], true
	}
	for i := 0; ; i++ {
		if glob(rest, left[i:]) {
			return true
		}
		if i == len(left) || !deep && left[i] == '/' {
			return false
		}
	}
}

// fill puts claims into a template. It is false where there is no such claim.
func fill(template string, claims map[string]any) (string, bool) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		v, _ := find(claims, name)
		text, ok := textOf(v)
		if !closed || !ok || text == "" {
			return "", false
		}
		b.WriteString(text)
		template = after
	}
	out := b.String()
	// What leads elsewhere is no name.
	return out, out != "" && path.Clean("/"+out) == "/"+out
}

// unambiguous refuses JSON with a name twice in an object: who reads the first
// and who reads the last would see two tokens (RFC 7519, 4).
func unambiguous(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := value(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("there is something behind the claims")
	}
	return nil
}

// maxDepth is how deep claims are in each other at most.
const maxDepth = 32

func value(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth > maxDepth {
		return errors.New("the claims are too deep in each other")
	}
	names := map[string]bool{}
	for dec.More() {
		if open == '{' {
			name, err := dec.Token()
			if err != nil {
				return err
			}
			s, _ := name.(string)
			s = strings.ToLower(s) // as some readers take it
			if names[s] {
				return fmt.Errorf("the claim %.40q is there twice", s)
			}
			names[s] = true
		}
		if err := value(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
