package spectest

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
)

// A script is a file of exchanges with one registry:
//
//	# a comment: what the specification says
//	! sparse allow              before the first exchange: how it is configured
//	! missing by policy         what is referred to may be missing afterwards
//	! restart                   the registry is stopped and started again
//	! stream                    the answer has no end: it is read up to the body wanted
//	= name text                 names a text; "*n" is n letters
//	> PUT /v2/a/manifests/v1    the request: line, headers, an empty line, body
//	> Content-Type: a/b
//	>
//	> ${name}
//	< 404 NAME_UNKNOWN          the status, and of an error its code
//	< Header: value             a header; several of one name in their order
//	< Header:                   a header that must not be there
//	< Location: ${=upload}      a header whose value is named for later
//	<
//	< the body
//
// In what is wanted "…" is any text, and ${=name} a text without spaces or
// quotes that is named for later.
//
// In all of it ${name} is the text, ${sha256 name} (sha512) its digest and
// ${size name} its length in bytes; empty and crlf are named already.
type script struct {
	file      string
	joined    bool // line breaks in bodies are for readers
	also      func(message, answer) (wrong []string)
	text      map[string]string
	sparse    bool // by its configuration
	missing   bool // or by a policy
	exchanges []exchange
}

type exchange struct {
	line    int
	restart bool
	stream  bool
	names   [][2]string // given before the request
	request []string
	want    []string
}

func readScript(file string) (*script, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseScript(file, string(raw))
}

func parseScript(file, raw string) (*script, error) {
	s := &script{file: file, text: map[string]string{"empty": "", "crlf": "\r\n"}}
	var e exchange
	flush := func() {
		if len(e.request) > 0 {
			s.exchanges = append(s.exchanges, e)
		}
		e = exchange{}
	}
	for i, line := range strings.Split(raw, "\n") {
		if len(e.want) > 0 && !strings.HasPrefix(line, "<") {
			flush()
		}
		switch mark, rest, _ := strings.Cut(line, " "); mark {
		case "", "#":
		case ">":
			if e.line == 0 {
				e.line = i + 1
			}
			e.request = append(e.request, rest)
		case "<":
			e.want = append(e.want, rest)
		case "=":
			name, text, _ := strings.Cut(rest, " ")
			e.names = append(e.names, [2]string{name, text})
		case "!":
			switch rest {
			case "restart":
				e.restart = true
			case "stream":
				e.stream = true
			case "sparse allow":
				s.sparse, s.missing = true, true
			case "missing by policy":
				s.missing = true
			default:
				return nil, fmt.Errorf("%s:%d: %q is no order", file, i+1, rest)
			}
		default:
			return nil, fmt.Errorf("%s:%d: %q begins with none of # ! = > <", file, i+1, line)
		}
	}
	flush()
	if len(s.exchanges) == 0 {
		return nil, fmt.Errorf("%s: no exchanges", file)
	}
	return s, nil
}

// name gives the texts of an exchange their names.
func (s *script) name(e exchange) error {
	for _, n := range e.names {
		text, err := s.expand(n[1])
		if err != nil {
			return err
		}
		if count, ok := strings.CutPrefix(text, "*"); ok {
			n, err := strconv.Atoi(count)
			if err != nil {
				return err
			}
			text = strings.Repeat("x", n)
		}
		s.text[n[0]] = text
	}
	return nil
}

// expand puts in what ${…} stands for.
func (s *script) expand(in string) (string, error) {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(in, "${")
		out.WriteString(before)
		if !ok {
			return out.String(), nil
		}
		inside, after, _ := strings.Cut(rest, "}")
		what, name, two := strings.Cut(inside, " ")
		if !two {
			what, name = "", inside
		}
		text, known := s.text[name]
		if !known {
			return "", fmt.Errorf("${%s}: %q is not named", inside, name)
		}
		switch what {
		case "":
			out.WriteString(text)
		case "size":
			out.WriteString(strconv.Itoa(len(text)))
		case "sha256", "sha384", "sha512":
			out.WriteString(string(digest.Algorithm(what).FromString(text)))
		default:
			return "", fmt.Errorf("${%s}: what is %q", inside, what)
		}
		in = after
	}
}

// message makes the request that goes over the wire.
func (s *script) message(e exchange) (m message, err error) {
	lines := make([]string, len(e.request))
	for i, l := range e.request {
		if lines[i], err = s.expand(l); err != nil {
			return m, err
		}
	}
	m.line = lines[0]
	for i, l := range lines[1:] {
		if l == "" {
			m.body = strings.Join(lines[i+2:], "\n")
			break
		}
		m.header = append(m.header, l)
	}
	return m, nil
}
