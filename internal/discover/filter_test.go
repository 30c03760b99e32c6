package discover

import (
	"strings"
	"testing"
)

func TestPlatform(t *testing.T) {
	for _, test := range []struct {
		have, want string // want: separated by spaces
		ok         bool
	}{
		{"linux/amd64", "linux/amd64", true},
		{"linux/arm/v7", "linux/arm", true},
		{"linux/arm", "linux/arm/v7", false},
		{"linux/arm/v7", "linux/arm/v7", true},
		{"linux/arm/v8", "linux/arm/v7", false},
		{"linux/arm64", "linux/arm", false},
		{"linux/amd64", "linux", false},
		{"linux/amd64 windows/amd64", "windows/amd64", true},
		{"linux/amd64", "windows/amd64 linux/amd64", true},
		{"linux/amd64", "", false},
		{"", "linux/amd64", false},
		{"linux/a", "linux/a/b/c", false},
	} {
		if got := hasPlatform(test.have, strings.Fields(test.want)); got != test.ok {
			t.Errorf("%q asked for %q: %v", test.have, test.want, got)
		}
	}
}

func TestExcluded(t *testing.T) {
	for _, test := range []struct {
		exclude, name string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"a*", "a", true}, {"a*", "b", false},
		{"*", "anything", true}, {"a/*", "a", false}, {"a/*", "a/b", true}, {"", "a", false},
	} {
		if got := excluded([]string{"other", test.exclude}, test.name); got != test.want {
			t.Errorf("%q excludes %q: %v", test.exclude, test.name, got)
		}
	}
}
