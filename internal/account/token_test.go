package account

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"
	"testing"
)

func TestTokenForm(t *testing.T) {
	form := regexp.MustCompile(`^lading_pat_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 1000 {
		text := newToken()
		d, ok := parseToken(text)
		if !form.MatchString(text) || !ok || d != sha256.Sum256([]byte(text)) || seen[text] {
			t.Fatal(text)
		}
		seen[text] = true
		// One character that is not the one, anywhere, is known for that.
		for i := len(tokenPrefix); i < len(text); i++ {
			c := byte('A')
			if text[i] == c {
				c = 'B'
			}
			if _, ok := parseToken(text[:i] + string(c) + text[i+1:]); ok {
				t.Fatalf("%s with %c at %d is a token", text, c, i)
			}
		}
	}
	if id := newID(); !regexp.MustCompile(`^[0-9a-z]{14}$`).MatchString(id) || id == newID() {
		t.Error(id)
	}
}

// The sum is written as GitHub's is: the CRC-32 in base 62, digits first, six
// characters.
func TestTokenSum(t *testing.T) {
	const begin = "lading_pat_0000000000000000000000000000000000000000000"
	n, want := crc32.ChecksumIEEE([]byte(begin)), ""
	for range tokenSum {
		want = string(digits[n%62]) + want
		n /= 62
	}
	if got := sumOf(begin); got != want {
		t.Error(got, want)
	}
	if _, ok := parseToken(begin + want); !ok {
		t.Error("not a token")
	}
}

// FuzzToken: what is taken for a token is one: of the form, with its sum.
func FuzzToken(f *testing.F) {
	f.Add(newToken())
	f.Add("lading_pat_")
	f.Add(strings.Repeat("lading_pat_", 6))
	f.Add(fmt.Sprintf("lading_pat_%049d", 0))
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := parseToken(text); ok && (len(text) != tokenLength || !strings.HasSuffix(text, sumOf(text[:tokenLength-tokenSum])) || strings.ContainsAny(text, "\x00 \n:")) {
			t.Errorf("%q is taken for a token", text)
		}
	})
}
