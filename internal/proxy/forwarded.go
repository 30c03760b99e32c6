package proxy

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// hop is what one proxy told: who connected to it, and how.
type hop struct{ client, proto, host string }

// hops are what the proxies told, the nearest last.
func (o Options) hops(h http.Header) []hop {
	if o.Standard {
		return parseForwarded(h["Forwarded"])
	}
	var out []hop
	for _, line := range h["X-Forwarded-For"] {
		for s := range strings.SplitSeq(line, ",") {
			out = append(out, hop{client: strings.TrimSpace(s)})
		}
	}
	return out
}

// nth is the value of a list that spans lines, counted from its end, from 1; the
// first where there are fewer, as most proxies replace what was there.
func nth(lines []string, n int) string {
	var all []string
	for _, line := range lines {
		all = append(all, strings.Split(line, ",")...)
	}
	if len(all) == 0 {
		return ""
	}
	return strings.TrimSpace(all[max(0, len(all)-n)])
}

// parseForwarded reads elements of Forwarded (RFC 7239, section 4). One that
// cannot be read is there without content: nothing before it is believed.
func parseForwarded(lines []string) []hop {
	var out []hop
	for _, line := range lines {
		for _, element := range splitQuoted(line, ',') {
			out = append(out, parseElement(element))
		}
	}
	return out
}

func parseElement(s string) (h hop) {
	for _, pair := range splitQuoted(s, ';') {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		value, fine := unquote(value)
		if !ok || !fine {
			return hop{}
		}
		switch strings.ToLower(name) {
		case "for":
			h.client = value
		case "proto":
			h.proto = value
		case "host":
			h.host = value
		}
	}
	return h
}

// splitQuoted splits at sep where it is not in a quoted string.
func splitQuoted(s string, sep byte) []string {
	var out []string
	from, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// unquote returns what a token or a quoted string says (RFC 9110, section
// 5.6.4).
func unquote(s string) (string, bool) {
	if !strings.HasPrefix(s, `"`) {
		return s, !strings.ContainsAny(s, "\"\\")
	}
	if len(s) < 2 || s[len(s)-1] != '"' {
		return "", false
	}
	var b strings.Builder
	for s = s[1 : len(s)-1]; s != ""; s = s[1:] {
		switch {
		case s[0] == '"' || s == `\`:
			return "", false
		case s[0] == '\\':
			s = s[1:]
		}
		b.WriteByte(s[0])
	}
	return b.String(), true
}

// parseNode reads an address with or without a port, which is 0 then; IPv6 in
// brackets or not. "unknown" and hidden names (RFC 7239, section 6) are none.
func parseNode(s string) (addr netip.Addr, port string, ok bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return plain(addr), "0", true
	}
	if in, found := strings.CutPrefix(s, "["); found {
		if in, found = strings.CutSuffix(in, "]"); found {
			addr, err := netip.ParseAddr(in)
			return plain(addr), "0", err == nil && addr.Is6()
		}
	}
	both, err := netip.ParseAddrPort(s)
	return plain(both.Addr()), strconv.Itoa(int(both.Port())), err == nil
}

// isHost tells whether s can be a name or an address, with or without a port.
func isHost(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte(".-_:[]", c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 255
}
