package config_test

import (
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/config"
)

func TestRules(t *testing.T) {
	c, err := config.Parse("f", []byte("access:\n  rules: |\n    # who administers\n    user:ada owner,admin registry\n\n    anonymous reader prefix:public/\n"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := c.Access.Parsed()
	if err != nil || len(rules) != 2 || rules[1].String() != "anonymous list,pull prefix:public/" || !c.Restricted() || c.Public() {
		t.Errorf("%v %v", rules, err)
	}
	_, err = config.Parse("f", []byte("access:\n  rules: |\n    user:ada owner registry\n    ada owner registry\n    user:bob king registry\n"))
	if err == nil || !strings.Contains(err.Error(), `f:2: access.rules: rule in line 2: "ada" is no subject`) || !strings.Contains(err.Error(), `; rule in line 3: "king" is no verb`) {
		t.Error(err)
	}
}

func TestPublicAddress(t *testing.T) {
	c := config.Default()
	c.Listen = ":5000"
	checkFor(t, "nobody signs in", c, "listen", "can be reached")
	c.Access.Rules = "anonymous reader registry"
	checkFor(t, "rules alone", c, "listen", "can be reached")
	c.Auth.Htpasswd = "/etc/users"
	checkFor(t, "users sign in without TLS", c, "listen", "passwords could be read")
	proxied, insecure, certs := c, c, c
	proxied.BehindTLSProxy, proxied.HTTP.TrustedProxies = true, "10.0.0.2"
	checkFor(t, "a proxy in front", proxied, "listen", "")
	insecure.InsecureNoAuth = true
	checkFor(t, "told to", insecure, "listen", "")
	c.TLS.Certificate, c.TLS.Key = "c", "k"
	checkFor(t, "users sign in over TLS", c, "listen", "")
	certs.Auth.Htpasswd, certs.TLS = "", config.TLS{ACMEHosts: "reg.example", ClientAuth: "request", ClientCA: "ca", ClientSubjects: "cn * user:*"}
	checkFor(t, "certificates say who calls", certs, "listen", "")
}
