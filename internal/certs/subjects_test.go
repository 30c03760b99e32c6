package certs_test

import (
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/certs"
)

func TestParseSubjects(t *testing.T) {
	good := "# whom\n\ncn  ada  user:ada\n uri spiffe://a.example/ns/*/x service:* group:robots group:b\nemail *@a.example user:*\ndns *.a.example service:x-*-y"
	if s, err := certs.ParseSubjects(good); err != nil || len(s) != 4 {
		t.Error(len(s), err)
	}
	for text, want := range map[string]string{
		"cn ada":                      "rule in line 1: write a field",
		"\nou x user:x":               "rule in line 2: \"ou\" is no field",
		"cn a*b* user:x":              "one * at most",
		"cn a user:*":                 "one * at most",
		"cn * user:**":                "one * at most",
		"cn * group:*":                "cannot stand for",
		"cn * anonymous":              "cannot stand for",
		"cn * user:":                  "is no subject",
		"cn * user:* robots":          "is no group",
		"cn * user:* group:":          "is no group",
		"cn * user:x user:y":          "is no group",
		"cn a user:a\ncn\ncn b user:": "rule in line 2",
	} {
		if _, err := certs.ParseSubjects(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want …%s…", text, err, want)
		}
	}
}
